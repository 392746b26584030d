"""Jobs: what a folder's delete tells when it does not go well."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from support.server import Api, HeldBack, wait_for_job

from wherobots_storage.app import StorageApp
from wherobots_storage.errors import StoreUnavailable
from wherobots_storage.handlers import jobs
from wherobots_storage.objectstore.store import DeleteFailure

FOLDER = "/data/shared/f/"


async def delete(api: Api) -> dict[str, Any]:
    """Begin to delete the folder."""
    answer = await api.post("files/delete", {"paths": [FOLDER]})
    assert answer.status == 202
    job: dict[str, Any] = answer.json()["jobs"][0]
    return job


async def test_a_key_that_stays_is_named_and_the_others_go(api: Api, held_back: HeldBack) -> None:
    """The job fails with the first reason and lists each key; the folder's marker stays."""
    for name in ("", "a", "locked", "z"):
        held_back.put(f"org/data/shared/f/{name}", b"")
    real = held_back.delete_many

    def delete_many(keys: Sequence[str]) -> list[DeleteFailure]:
        locked = [key for key in keys if key.endswith("locked")]
        real([key for key in keys if key not in locked])
        return [DeleteFailure(key, "access-denied", "It is locked.") for key in locked]

    held_back.delete_many = delete_many  # type: ignore[method-assign]
    job = await wait_for_job(api, await delete(api))
    assert (job["state"], job["done"]) == ("failed", 2)
    assert job["error"]["message"] == f"1 objects in {FOLDER} were not deleted: It is locked."
    assert [item["path"] for item in job["failed"]] == [f"{FOLDER}locked"]
    left = {entry.key for entry in held_back.list_page("").entries}  # type: ignore[union-attr]
    assert left == {"org/data/shared/f/", "org/data/shared/f/locked"}


async def test_a_store_that_goes_down_fails_the_job(api: Api, held_back: HeldBack) -> None:
    """The store's own words are the job's error, with the folder's path."""
    held_back.put("org/data/shared/f/a", b"")
    held_back.errors["delete_many"] = StoreUnavailable("The store is down.")
    job = await wait_for_job(api, await delete(api))
    assert job["state"] == "failed"
    assert job["error"] == {
        "code": "store-unavailable",
        "message": "The store is down.",
        "path": FOLDER,
        "retryable": True,
    }


async def test_an_accident_fails_the_job_without_its_details(api: Api, held_back: HeldBack) -> None:
    """What nobody foresaw is logged, and told as such."""
    held_back.errors["list_page"] = ValueError("secret")
    job = await wait_for_job(api, await delete(api))
    assert (job["state"], job["error"]["code"]) == ("failed", "internal-error")
    assert "secret" not in str(job)


async def test_stopping_ends_a_job_between_batches(
    api: Api, held_back: HeldBack, storage_app: StorageApp
) -> None:
    """A job that the server's stop interrupts says so, and what is left is left whole."""
    for number in range(1500):
        held_back.put(f"org/data/shared/f/{number}", b"")
    held_back.entered.clear()
    held_back.gate.clear()
    job = await delete(api)
    await held_back.called()
    closing = asyncio.ensure_future(storage_app._jobs.close())
    await asyncio.sleep(0)
    held_back.gate.set()
    await closing
    ended = storage_app._jobs.get(job["id"])
    assert ended.state == "failed"
    assert ended.error is not None
    assert ended.error.code == "cancelled"


async def test_old_jobs_are_forgotten(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many ended jobs are remembered."""
    monkeypatch.setattr(jobs, "KEPT", 2)
    begun = [await wait_for_job(api, await delete(api)) for _ in range(4)]
    statuses = [(await api.get("jobs", id=job["id"])).status for job in begun]
    assert statuses == [404, 404, 200, 200]
