"""The workspace of the demo: Northwind, a platform team with everybody an approval can meet."""

from bot.demo.slack.workspace import Channel, Team, User, UserGroup, Workspace

HOME = "T0NORTHWIND"
PARTNER = "T0CONTOSO01"

MAYA = "U0MAYA0001"  # platform engineer
JONAS = "U0JONAS001"  # SRE
PRIYA = "U0PRIYA001"  # security lead
ELENA = "U0ELENA001"  # manager and auditor
GUS = "U0GUEST001"  # guest
DANA = "U0DANA0001"  # deactivated
WORKFLOW = "U0WORKFLOW"  # another bot
STRANGER = "U0STRANGER"  # of another team

PLATFORM_APPROVERS = "S0PLATFORM"
SRE = "S0SRE00001"

PATCHING = "C0PATCHING"
APPROVALS = "C0APPROVAL"
SECURITY = "C0SECURITY"
GENERAL = "C0GENERAL1"
SHARED = "C0SHARED01"


def demo_workspace() -> Workspace:
    """Return the people, groups and channels that the demo opens with."""
    return Workspace(
        team=Team(HOME, "Northwind", "northwind"),
        users=_people(),
        usergroups=(
            UserGroup(
                PLATFORM_APPROVERS, "platform-approvers", "Platform approvers", (JONAS, PRIYA)
            ),
            UserGroup(SRE, "sre", "Site reliability", (JONAS, MAYA)),
        ),
        channels=_channels(),
    )


def _people() -> tuple[User, ...]:
    return (
        User(MAYA, "maya", "Maya Lindqvist", "Platform engineer", "Europe/Stockholm"),
        User(JONAS, "jonas", "Jonas Weber", "Site reliability engineer"),
        User(PRIYA, "priya", "Priya Raman", "Security lead", "Asia/Kolkata", is_admin=True),
        User(ELENA, "elena", "Elena Duarte", "Engineering manager, auditor", "America/New_York"),
        User(GUS, "gus", "Gus Ferrant", "Contractor (guest)", is_restricted=True),
        User(DANA, "dana", "Dana Kovac", "Left the company", deleted=True),
        User(WORKFLOW, "workflow", "Release workflow", "Workflow", is_bot=True),
        User(STRANGER, "sam", "Sam Okafor", "Partner at Contoso", "Europe/London", PARTNER),
    )


def _channels() -> tuple[Channel, ...]:
    staff = (MAYA, JONAS, PRIYA, ELENA)
    return (
        Channel(
            PATCHING,
            "platform-patching",
            (*staff, GUS),
            topic="Patch compliance of the fleet",
            app_is_member=True,
        ),
        Channel(
            APPROVALS,
            "prod-approvals",
            (MAYA, JONAS, PRIYA),
            "private",
            topic="Installs in prod wait here for two approvals",
            app_is_member=True,
        ),
        Channel(SECURITY, "security", (PRIYA, ELENA, JONAS), topic="CVEs, waivers, evidence"),
        Channel(GENERAL, "general", (*staff, GUS, DANA, WORKFLOW), topic="Everybody"),
        Channel(
            SHARED,
            "contoso-shared",
            (MAYA, ELENA, STRANGER),
            topic="Shared with Contoso",
            app_is_member=True,
            shared_with=(PARTNER,),
        ),
    )
