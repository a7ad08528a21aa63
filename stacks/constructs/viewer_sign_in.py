"""How viewers sign in: Cognito's managed login at a domain of their pool, and the page's client of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from aws_cdk import Aws
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from stacks.constructs.context_stack import ContextStack

_PAGE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "client_name": "page",
        "generate_secret": False,
        # Cognito's default, of no flow named, has two that anybody may begin. This one asks for an IAM permission,
        # and no role has it: the page's client gives tokens for a code of the managed login, and for nothing else.
        "explicit_auth_flows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH"],
        "prevent_user_existence_errors": "ENABLED",
        "enable_token_revocation": True,
        "token_validity_units": {"accessToken": "hours", "idToken": "hours", "refreshToken": "days"},
        "access_token_validity": 1,
        "id_token_validity": 1,
        "refresh_token_validity": 30,
        # A refresh token is good once, and a minute longer, for an answer that was lost on its way.
        "refresh_token_rotation": {"feature": "ENABLED", "retryGracePeriodSeconds": 60},
    }
)


class ViewerSignIn(Construct):
    """The pool's domain, the look of its pages, and the client of the web player.

    The client as it is declared here signs nobody in. Where the page lives is known to the delivery stack only, which
    needs this one: at the end of a deployment it adds the page's address, and the code grant with it
    (`DeliveryStack`). It does so anew whenever `declared` changes, because an update of the client takes away what
    its template does not say.

    Attributes
    ----------
    domain
        The host name of the managed login and of the token endpoint.
    client
        The page's client: the audience of its tokens.
    declared
        All that is declared of the client, as text.
    """

    def __init__(self, stack: ContextStack, construct_id: str, *, pool: cognito.UserPool) -> None:
        super().__init__(stack, construct_id)
        settings = stack.settings
        # A name of its own in the whole Region, as buckets have one: by the account.
        prefix = f"{settings.namespace}-{settings.profile}-{Aws.ACCOUNT_ID}"
        pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix),
            managed_login_version=cognito.ManagedLoginVersion.NEWER_MANAGED_LOGIN,
        )
        self.domain = f"{prefix}.auth.{stack.region}.amazoncognito.com"
        page = cognito.CfnUserPoolClient(self, "Page", user_pool_id=pool.user_pool_id, **_PAGE)
        self.client = cognito.UserPoolClient.from_user_pool_client_id(self, "PageClient", page.ref)
        self.declared = json.dumps(dict(_PAGE), sort_keys=True)
        # Without a style, even Cognito's own, the managed login has no pages.
        cognito.CfnManagedLoginBranding(
            self, "Look", user_pool_id=pool.user_pool_id, client_id=page.ref, use_cognito_provided_values=True
        )
