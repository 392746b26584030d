"""Isolation on Ceph's gateway by session policies alone: our handlers have no part in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.ceph import NEEDS_CEPH
from support.doctors import ask_doctor
from support.ground import Behaviour, Ground
from support.isolation import IsolationSuite

pytestmark = NEEDS_CEPH

BEHAVIOUR = Behaviour(
    refused_for_sessions=frozenset({"copy a part from", "delete many", "list uploads"}),
    session_assumes_again=True,
    tells_what_is_missing=True,
)
"""Ceph 16, where a session counts as the user's who asked for it: here the bucket's owner.

That it can assume its role again makes AssumeRole no boundary between users.
"""


@pytest.fixture(scope="module")
def ground(ceph_ground: Ground) -> Ground:
    """Two buckets on a running gateway, with roles that its user assumes."""
    return replace(ceph_ground, behaviour=BEHAVIOUR)


class TestCephIsolation(IsolationSuite):
    """The isolation matrix on Ceph."""

    def test_doctor_finds_out(
        self,
        ground: Ground,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """It tries what a session must not be able to do, and says what helps here."""
        variables = {**ground.environment, "WHEROBOTS_STORAGE_ROLE_ARN": ground.role_arn}
        variables["WHEROBOTS_STORAGE_SESSION"] = "user"
        found = ask_doctor(capsys, monkeypatch, tmp_path, ground.root, variables)
        for name in ("boundary", "temporary credentials"):
            assert found[name]["state"] == "failed"
            # That there is none of a name: of what there is, nothing (the matrix above).
            assert "read another customer's data" in found[name]["message"]
            assert "write another customer's data" not in found[name]["message"]
        assert found["sessions"]["state"] == "failed"
        assert "web identities" in found["sessions"]["advice"]
