"""What a visitor of the demo is offered first: tips on the page and completions in its composer."""

from bot.demo.slack.workspace import Suggestion, Tip

TIPS = (
    Tip(
        "How is prod?",
        "A percentage with its denominator, what is unknown and why.",
        "/patch status prod",
    ),
    Tip("Which nodes?", "Worst first. Page through, open one, take the CSV.", "/patch nodes prod"),
    Tip("Whose are they?", "The same numbers by owner.", "/patch status prod by:owner"),
    Tip(
        "Two nodes, one name",
        "patchbot never guesses: it asks which one you mean.",
        "/patch node prod-data-kafka-01",
    ),
    Tip(
        "How did it go?",
        "Six weeks as a picture, what is past its deadline, and how long patches take.",
        "/patch trend prod",
    ),
    Tip(
        "What is to do today?",
        "The digest, for you alone. The channel gets one every day: Maya has just turned it on.",
        "/patch digest prod now",
    ),
    Tip(
        "Ask for an Install",
        "As Maya. Fill the form in, then be Jonas and Priya in #prod-approvals: both must approve, and Maya may not.",
        "/patch install prod",
    ),
    Tip("Watch it", "Every run with where it stands; its receipt is in its thread.", "/patch runs"),
    Tip(
        "Wait a minute or two",
        "Nodes of staging become non-compliant, and a colleague installs past patchbot: alerts come by themselves.",
        "/patch nodes staging",
    ),
    Tip("A typo", "It says what you may have meant.", "/patch stauts prod"),
    Tip(
        "Be somebody else",
        "Switch “Acting as” to Gus, a guest, and ask again: he is refused, and told why.",
        "/patch status",
    ),
)

SUGGESTIONS = {
    "/patch": (
        Suggestion("/patch status", "every environment in one table"),
        Suggestion("/patch status prod", "one environment"),
        Suggestion("/patch status prod by:os", "broken down by operating system"),
        Suggestion("/patch nodes prod", "the non-compliant nodes, worst first"),
        Suggestion("/patch nodes prod state:unknown", "the nodes nobody knows about"),
        Suggestion("/patch nodes prod os:windows sort:oldest", "filtered and sorted"),
        Suggestion("/patch install prod", "ask for an Install; two people approve it"),
        Suggestion(
            "/patch install staging severity:critical", "only nodes that miss critical patches"
        ),
        Suggestion("/patch scan prod", "have nodes look for patches; needs no approval"),
        Suggestion("/patch approvals", "what waits for whom"),
        Suggestion("/patch runs", "runs and their receipts"),
        Suggestion("/patch trend prod", "by day as a picture, with deadlines"),
        Suggestion("/patch digest prod now", "what to do today, for you alone"),
        Suggestion("/patch digest prod on 09:00 weekdays", "a daily digest in this channel"),
        Suggestion("/patch audit", "who did what"),
        Suggestion("/patch help", "what you may do"),
        Suggestion("/patch doctor", "is it set up right"),
    )
}
