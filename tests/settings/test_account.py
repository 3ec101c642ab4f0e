"""The account's token: given, or made once, in a file that only its owner can read."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from bridgetap.errors import ConfigurationError
from bridgetap.ids import is_sid
from bridgetap.settings import AccountSettings, derive_sid, open_account


def test_a_token_is_made_once(tmp_path: Path) -> None:
    settings = AccountSettings(token_file=tmp_path / "token")
    made = open_account(settings, create=True)
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "token").read_text() == f"{made.auth_token}\n"
    assert len(made.auth_token) == 32
    assert is_sid(made.sid, "AC")
    assert open_account(settings, create=True) == made
    assert open_account(settings, create=False) == made
    # The same token by reference is the same account.
    given = AccountSettings(auth_token=SecretStr(made.auth_token))
    assert open_account(given, create=False) == made


def test_what_is_given_stands(tmp_path: Path) -> None:
    sid = "AC" + "1" * 32
    settings = AccountSettings(sid=sid, auth_token=SecretStr("a-good-token"), token_file=tmp_path / "token")
    account = open_account(settings, create=True)
    assert (account.sid, account.auth_token) == (sid, "a-good-token")
    assert not (tmp_path / "token").exists()
    assert "a-good-token" not in repr(account)
    assert "a-good-token" not in derive_sid("a-good-token")


def test_nothing_is_made_where_that_was_not_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist; `serve` makes it"):
        open_account(AccountSettings(token_file=tmp_path / "token"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_no_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x\n")
    with pytest.raises(ConfigurationError, match="at least 8 characters"):
        open_account(AccountSettings(token_file=tmp_path / "token"), create=True)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be made"):
        open_account(AccountSettings(token_file=tmp_path / "no" / "token"), create=True)
