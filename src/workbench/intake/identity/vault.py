"""The vault: names, phones, mail, addresses and document numbers in one column-encrypted file.

The key comes from the environment (``WORKBENCH_VAULT_KEY``, base64 of 32 bytes) or from a file outside the workspace
that only its owner may read (``WORKBENCH_VAULT_KEY_FILE``). Other data has only keyed pseudonyms: HMAC-SHA-256 with a
separate domain per purpose, so that pseudonyms of different purposes cannot be linked.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_file
from workbench.core.held_secrets import KEY_FILE_VARIABLE, KEY_VARIABLE, read_secret

if TYPE_CHECKING:
    import pandas as pd

    from workbench.core.workspace import Workspace

__all__ = [
    "KEY_BYTES",
    "KEY_FILE_VARIABLE",
    "KEY_VARIABLE",
    "Vault",
    "VaultKey",
    "find_key",
    "has_vault",
    "open_vault",
    "read_vault",
]

KEY_BYTES = 32
PSEUDONYM_CHARACTERS = 16  # of base32: 80 bits
_OPEN_COLUMNS = ("customer_id",)
_OF_RECORDS = ("source", "source_id", "precedence", "record")
_MASTER, _FOOTER = "columns", "footer"
_NONCE_BYTES = 12


@dataclass(frozen=True)
class VaultKey:
    """The secret of a workspace; it is never displayed, logged or written.

    Parameters
    ----------
    secret : bytes
        32 bytes.
    """

    secret: bytes = field(repr=False)

    def derive(self, domain: str) -> bytes:
        """Return the derived key (32 bytes) for one purpose."""
        return hmac.digest(self.secret, b"workbench\x00" + domain.encode(), "sha256")

    def fingerprint(self) -> str:
        """Return a fingerprint, equal for two runs with the same key."""
        return self.derive("fingerprint").hex()[:16]

    def pseudonyms(self, domain: str, values: Iterable[str]) -> list[str]:
        """Return the pseudonym of each value: 16 characters of base32 of its HMAC-SHA-256 in this domain."""
        key = self.derive(domain)
        return [
            base64.b32encode(hmac.digest(key, value.encode(), "sha256"))[:PSEUDONYM_CHARACTERS].decode()
            for value in values
        ]


def find_key(workspace: Workspace) -> VaultKey | None:
    """Return the key from the environment, or from the file it names; None if neither is set.

    Raises
    ------
    DataError
        The key is not base64 of 32 bytes; its file is absent, readable by others, or inside the workspace.
    """
    key_text, key_file = read_secret(KEY_VARIABLE), read_secret(KEY_FILE_VARIABLE)
    if key_text:
        return VaultKey(_decoded(key_text, KEY_VARIABLE))
    if not key_file:
        return None
    return VaultKey(_decoded(_read_key_file(workspace, Path(key_file).expanduser()), KEY_FILE_VARIABLE))


def _read_key_file(workspace: Workspace, path: Path) -> str:
    remedy = f"Put the key outside the workspace, chmod 600, and name it in {KEY_FILE_VARIABLE}"
    if not path.is_file():
        raise DataError(Fault(KEY_FILE_VARIABLE, "the file it names is not there", "", remedy))
    if path.resolve().is_relative_to(workspace.root):
        raise DataError(Fault(KEY_FILE_VARIABLE, "the key lies inside the workspace", "", remedy))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise DataError(Fault(KEY_FILE_VARIABLE, f"others may read the key (mode {mode:04o})", "Mode 0600", remedy))
    return path.read_text(encoding="ascii", errors="replace")


def _decoded(text: str, where: str) -> bytes:
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        remedy = 'For example: python -c "import os, base64; print(base64.b64encode(os.urandom(32)).decode())"'
        raise DataError(Fault(where, "no key", f"Base64 of {KEY_BYTES} bytes", remedy))
    return secret


@dataclass(frozen=True)
class Vault:
    """The encrypted file of one profile.

    Attributes
    ----------
    path : Path
    key : VaultKey or None
        None: the vault can neither be written nor read.
    """

    path: Path
    key: VaultKey | None

    @classmethod
    def of(cls, workspace: Workspace, profile: str) -> Vault:
        """Return the vault of a profile, with the key from the environment."""
        return cls(_vault_path(workspace, profile), find_key(workspace))

    def write(self, people: pa.Table) -> int:
        """Rewrite the vault with every column except customer_id encrypted; return the number of rows.

        Parameters
        ----------
        people : pyarrow.Table
            One row per record of a person: customer_id, source, source_id, then their columns.

        Raises
        ------
        DataError
            No key is set.
        """
        private = [name for name in people.column_names if name not in _OPEN_COLUMNS]
        config = pe.EncryptionConfiguration(
            footer_key=_FOOTER,
            column_keys={_MASTER: private},
            encryption_algorithm="AES_GCM_V1",
            double_wrapping=False,
        )
        properties = self._factory().file_encryption_properties(pe.KmsConnectionConfig(), config)
        write_file(self.path, lambda target: _write(people, target, properties), mode=0o600)
        return people.num_rows

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read the vault.

        Raises
        ------
        DataError
            There is no key or no vault, or the key is not the one it was written with.
        """
        if not self.path.is_file():
            raise DataError(Fault("", "no vault", "It is written by 02_resolve_identity", "Run that stage with a key"))
        properties = self._factory().file_decryption_properties(pe.KmsConnectionConfig())
        try:
            return pq.ParquetFile(self.path, decryption_properties=properties).read(columns=columns)
        except (OSError, ValueError, InvalidTag) as error:
            problem = "the vault does not open"
            remedy = f"Set {KEY_VARIABLE} to the key it was written with, or run 01 and 02 again"
            raise DataError(Fault(self.path.name, problem, "The key it was written with", remedy)) from error

    def can_be_read(self) -> bool:
        """Return whether the vault exists and its key opens it."""
        if self.key is None or not self.path.is_file():
            return False
        try:
            self.read(["customer_id"])
        except DataError:
            return False
        return True

    def check_replaceable(self) -> None:
        """Check that the vault may be rewritten, since without a key an existing vault would be lost.

        Raises
        ------
        DataError
            There is a vault, but no key is set.
        """
        if self.key is None and self.path.is_file():
            remedy = f"Set {KEY_VARIABLE} or {KEY_FILE_VARIABLE}; to give up its contact data, remove {self.path.name}"
            problem = "there is a vault, and no key is given: without one 02 would delete what it holds"
            raise DataError(Fault(self.path.name, problem, "The key it was written with", remedy))

    def _factory(self) -> pe.CryptoFactory:
        """Return a new factory; a shared one caches keys and would open the file to a reader without a key."""
        if self.key is None:
            remedy = f"Set {KEY_VARIABLE} or {KEY_FILE_VARIABLE}"
            raise DataError(Fault("", "no key for the vault", "", remedy))
        wrapping = {name: self.key.derive(f"vault {name}") for name in (_MASTER, _FOOTER)}
        return pe.CryptoFactory(lambda _config: _Wrapping(wrapping))


def open_vault(workspace: Workspace, profile: str) -> pd.DataFrame:
    """Return the contact data of every customer of a profile, for holders of the key.

    Parameters
    ----------
    workspace : Workspace
    profile : str

    Returns
    -------
    DataFrame
        One row per customer: customer_id (the OneID) as the index, sorted; then every column that any source of people
        maps, as text (dates as ISO): name, phone, email, address and so on. For a customer with several records the
        first filled value counts, in the order of the sources in the profile; null if there is none.

    Raises
    ------
    DataError
        There is no key or no vault, or the key does not open it; check with `Vault.can_be_read`.

    Examples
    --------
    >>> open_vault(find_workspace(), "jewellery").loc["CAAAQEAYEAUDAOCAJ", "name"]  # doctest: +SKIP
    '张伟'
    """
    records = read_vault(workspace, profile).to_pandas().sort_values(["precedence", "record"], kind="stable")
    columns = [name for name in records.columns if name not in _OF_RECORDS]
    return records[columns].replace("", None).groupby("customer_id", sort=True).first()


def has_vault(workspace: Workspace, profile: str) -> bool:
    """Return whether a profile has a vault, with or without a key to open it."""
    return _vault_path(workspace, profile).is_file()


def read_vault(workspace: Workspace, profile: str, columns: list[str] | None = None) -> pa.Table:
    """Read all records in the vault of a profile, for holders of the key; `open_vault` merges them by customer.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    columns : list of str, optional

    Returns
    -------
    pyarrow.Table
        One row per record: customer_id (the OneID), source, source_id, precedence, record, then every mapped column
        as text.

    Raises
    ------
    DataError
        There is no key or no vault, or the key does not open it.
    """
    return Vault.of(workspace, profile).read(columns)


def _vault_path(workspace: Workspace, profile: str) -> Path:
    return workspace.interim(profile) / "vault.parquet"


class _Wrapping(pe.KmsClient):
    """Wraps the keys of a file by the keys derived from the workspace's own: AES-256-GCM."""

    def __init__(self, keys: dict[str, bytes]):
        pe.KmsClient.__init__(self)
        self._keys = keys

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        """Encrypt a key of the file."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[master_key_identifier]).encrypt(nonce, key_bytes, master_key_identifier.encode())
        return base64.b64encode(nonce + sealed)

    def unwrap_key(self, wrapped_key: str, master_key_identifier: str) -> bytes:
        """Decrypt a key of the file."""
        sealed = base64.b64decode(wrapped_key)
        opener = AESGCM(self._keys[master_key_identifier])
        return opener.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], master_key_identifier.encode())


def _write(people: pa.Table, target: Path, properties: pe.FileEncryptionProperties) -> None:
    with pq.ParquetWriter(target, people.schema, encryption_properties=properties, compression="zstd") as writer:
        writer.write_table(people)
