"""The environment of each kernel: only the stage that fills the vault gets the vault's key."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.core.held_secrets import KEY_VARIABLES, held_secrets
from workbench.intake.identity.vault import Vault
from workbench.intake.privacy.pseudonym_keys import CONTACT_IDS_VARIABLE, contact_ids_key
from workbench.intake.privacy.tombstone_file import tombstone_environment

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["check_vault", "kernel_environment"]


def kernel_environment(
    workspace: Workspace, profile: Profile, stage: str, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a stage's kernel.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    stage : str
        02 gets the key of the vault. 01 gets keys derived from it, which pseudonymise ids that are contact data and
        recognise erased people but cannot open the vault. Other stages get no key.
    environment : mapping
        Environment of the flow.
    """
    declared = profile.stage(stage)
    if declared.takes:
        return {**environment, **held_secrets()}
    variables = {name: value for name, value in environment.items() if name not in KEY_VARIABLES}
    if declared.hands_over:
        variables[CONTACT_IDS_VARIABLE] = base64.b64encode(contact_ids_key(workspace).secret).decode()
        variables |= tombstone_environment(workspace)
    return variables


def check_vault(workspace: Workspace, profile: Profile, selected: list[str]) -> None:
    """Check that no selected stage would replace the vault of a profile without its key.

    Raises
    ------
    DataError
        The profile has a vault, but no key is set.
    """
    if any(profile.stage(stage).takes for stage in selected):
        Vault.of(workspace, profile.name).check_replaceable()
