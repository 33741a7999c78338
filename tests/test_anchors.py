"""Heads in a bucket outside the machine: carried there without holding up anybody, compared at the start."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot import anchors
from bot.anchors import HeadCarrier, heads_outside
from bot.aws.heads import HeadBucket
from bot.config import Settings, load_settings
from bot.core.errors import AwsError
from bot.demo.aws.server import SimulatedAws
from bot.store.opening import Elsewhere, LedgerPlace, open_ledger
from bot.store.restore import accept_restore
from tests.store.ledgers import StillClock, a_plan, ask

REGION, BUCKET = "eu-central-1", "heads-of-patchbot"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    with SimulatedAws() as simulated:
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in simulated.credentials_environment().items():
            monkeypatch.setenv(name, value)
        where = {"LocationConstraint": REGION}
        simulated.client("s3", REGION).create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        yield simulated


@pytest.fixture
def bucket(aws: SimulatedAws) -> Iterator[HeadBucket]:
    found = HeadBucket(f"s3://{BUCKET}/prod", region=REGION)
    yield found
    found.close()


def settings_of(tmp_path: Path, *, name: str = BUCKET, more: str = "") -> Settings:
    path = tmp_path / "patchbot.toml"
    table = f'[ledger]\nhead_bucket = "s3://{name}/prod"\n{more}'
    path.write_text(f'[environments.prod]\nregions = ["{REGION}"]\n{table}')
    return load_settings(path, environ={})


def a_place(tmp_path: Path, name: str = "host") -> LedgerPlace:
    return LedgerPlace(tmp_path / name, tmp_path / name / "heads", key="k" * 40)


def keys(aws: SimulatedAws) -> list[str]:
    listed = aws.client("s3", REGION).list_objects_v2(Bucket=BUCKET)
    return [str(one["Key"]) for one in listed.get("Contents", ())]


def comparing(bucket: HeadBucket, *, required: bool = False) -> Elsewhere:
    """What compares a ledger with the bucket, as for the configuration, with one client for the whole test."""
    return partial(heads_outside, bucket, required=required)


def carrying(bucket: HeadBucket, place: LedgerPlace, asked: int) -> bytes:
    """A bot that was asked for so many plans, with every head in the bucket; the first copy of its file."""
    ledger, keeper = open_ledger(place, clock=StillClock(), elsewhere=comparing(bucket))
    assert ledger.read_only_reason == ""
    carrier = HeadCarrier(bucket, ledger.line())
    keeper.watch(carrier.take)
    copy = b""
    for number in range(asked):
        ask(ledger, a_plan(ledger.head().seq + 1))
        carrier.carry()
        if not number:
            ledger._file.close()
            copy = place.path.read_bytes()
    assert carrier.trouble == ""
    ledger.close()
    return copy


def replaced(place: LedgerPlace, content: bytes) -> None:
    """The file of another day in its place, as on a new host: without any head."""
    for path in (*place.data_dir.glob("ledger.db*"), *place.head_dir.glob("*")):
        path.unlink()
    place.path.write_bytes(content)


def read_only(place: LedgerPlace, elsewhere: Elsewhere | None) -> str:
    ledger, _ = open_ledger(place, clock=StillClock(), elsewhere=elsewhere)
    reason = ledger.read_only_reason
    ledger.close()
    return reason


def test_an_older_copy_is_noticed_without_any_head_of_the_host(
    aws: SimulatedAws, bucket: HeadBucket, tmp_path: Path
) -> None:
    """Twice: after the first was accepted, rows are counted on from the older one, in a line of their own."""
    place, outside = a_place(tmp_path), comparing(bucket)
    for line in range(2):
        copy = carrying(bucket, place, 4)
        assert read_only(place, outside) == ""
        last = place.path.read_bytes()
        replaced(place, copy)
        assert "older than the head" in read_only(place, outside), line
        accept_restore(place, clock=StillClock(), elsewhere=outside)
        assert read_only(place, outside) == "", line
    carrying(bucket, place, 1)
    folders = {key.rsplit("/", 1)[0] for key in keys(aws)}
    assert len(folders) == 3
    assert all(key.rsplit("/", 1)[1].isdigit() for key in keys(aws))
    replaced(place, last)  # the newest of a line that was given up
    assert "history was rewritten" in read_only(place, outside)


def test_a_history_that_was_rewritten_is_noticed_by_the_bucket(
    aws: SimulatedAws, bucket: HeadBucket, tmp_path: Path
) -> None:
    place, outside = a_place(tmp_path), comparing(bucket)
    copy = carrying(bucket, place, 4)
    replaced(place, copy)
    ledger, keeper = open_ledger(place, clock=StillClock())  # somebody without the bucket goes on
    assert "no head" in ledger.read_only_reason
    ledger.close()
    accept_restore(place, clock=StillClock())
    forked, keeper = open_ledger(place, clock=StillClock())
    while forked.head().seq < 9:
        ask(forked, a_plan(forked.head().seq + 50))
    carrier = HeadCarrier(bucket, "")
    keeper.watch(carrier.take)
    keeper.keep()
    forked.close()
    assert "history was rewritten" in read_only(place, outside)


def test_what_is_kept_is_never_replaced(aws: SimulatedAws, bucket: HeadBucket) -> None:
    bucket.put("0123456789abcdef", "", 7, b"first")
    bucket.put("0123456789abcdef", "", 7, b"first")
    with pytest.raises(AwsError, match="Another head than ours"):
        bucket.put("0123456789abcdef", "", 7, b"second")
    assert bucket.newest("0123456789abcdef", near=7) == (b"first",)
    assert bucket.newest("fedcba9876543210", near=7) == ()
    assert keys(aws) == ["prod/heads/0123456789abcdef/000000000007"]


def test_the_newest_of_many_are_found_in_few_calls(aws: SimulatedAws, bucket: HeadBucket) -> None:
    for seq in (1, 2, 20_000, 20_001, 20_002, 20_003):
        bucket.put("0123456789abcdef", "", seq, str(seq).encode())
    aws.calls.clear()
    newest = (b"20001", b"20002", b"20003")
    assert bucket.newest("0123456789abcdef", near=20_005) == newest
    assert aws.calls.count("ListObjectsV2") == 2
    assert bucket.newest("0123456789abcdef", near=40_000) == newest


def test_a_head_that_was_changed_in_the_bucket_makes_the_ledger_read_only(
    aws: SimulatedAws, bucket: HeadBucket, tmp_path: Path
) -> None:
    place, outside = a_place(tmp_path), comparing(bucket)
    carrying(bucket, place, 1)
    s3 = aws.client("s3", REGION)
    (key,) = keys(aws)
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body.replace(b'"at_us": 1', b'"at_us": 2'))
    assert "seal of the head" in read_only(place, outside)
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"{")
    assert read_only(place, outside) == ""
    assert "cannot be read" in read_only(place, comparing(bucket, required=True))


def test_a_bucket_that_cannot_be_reached_is_a_loud_doubt_and_holds_only_when_that_is_wanted(
    aws: SimulatedAws, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place, settings = a_place(tmp_path), settings_of(tmp_path, name="no-such-bucket")
    open_ledger(place, clock=StillClock())[0].close()
    with caplog.at_level(logging.ERROR):
        assert read_only(place, anchors.elsewhere(settings)) == ""
    assert "no-such-bucket/prod cannot be read" in caplog.text
    assert "NoSuchBucket" in caplog.text
    required = settings_of(tmp_path, name="no-such-bucket", more="head_bucket_required = true")
    assert "no-such-bucket/prod cannot be read" in read_only(place, anchors.elsewhere(required))


def test_nobody_waits_for_the_bucket_and_of_many_heads_the_newest_goes(tmp_path: Path) -> None:
    gate, put = threading.Event(), []

    class Slow:
        url = "s3://slow"

        def put(self, ledger: str, line: str, seq: int, content: bytes) -> None:
            put.append(seq)
            assert gate.wait(20)

        def close(self) -> None:
            put.append(-1)

    slow: Any = Slow()
    ledger, keeper = open_ledger(a_place(tmp_path), clock=StillClock())
    carrier = HeadCarrier(slow, "")
    keeper.watch(carrier.take)
    carrier.start()
    for number in range(5):
        ask(ledger, a_plan(number))
    last = ledger.head().seq
    gate.set()
    carrier.stop()
    ledger.close()
    assert put[-2:] == [last, -1]
    assert len(put) <= 4


def test_a_head_that_did_not_arrive_waits_for_the_next_time(
    aws: SimulatedAws, tmp_path: Path
) -> None:
    gone = HeadBucket("s3://no-such-bucket", region=REGION)
    ledger, _ = open_ledger(a_place(tmp_path), clock=StillClock())
    carrier = HeadCarrier(gone, "")
    carrier.take(ledger.head())
    carrier.carry()
    assert "no-such-bucket" in carrier.trouble
    aws.client("s3", REGION).create_bucket(
        Bucket="no-such-bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    carrier.carry()
    assert carrier.trouble == ""
    assert len(gone.newest(ledger.id, near=1)) == 1
    gone.close()
    ledger.close()


def test_a_place_in_s3_is_checked_when_the_configuration_is_read(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="a place in S3"):
        settings_of(tmp_path, name="Not_A_Bucket")
