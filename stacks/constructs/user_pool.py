"""A Cognito user pool as Marquee keeps them: operators let people in; strong passwords, and a second factor."""

from __future__ import annotations

from aws_cdk import aws_cognito as cognito
from constructs import Construct

from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.context_stack import ContextStack


def user_pool(
    scope: Construct, construct_id: str, *, stack: ContextStack, mfa: cognito.Mfa, who: str
) -> cognito.UserPool:
    """Declare a pool in which nobody signs up. In production sign-ins are watched for threats.

    Parameters
    ----------
    stack
        Whose settings say whether it may be deleted.
    mfa
        Whether the second factor, a one-time password, is required.
    who
        Whose sign-ins the sandbox does not pay to watch, for the acknowledgement.
    """
    production = stack.settings.production
    pool = cognito.UserPool(
        scope,
        construct_id,
        self_sign_up_enabled=False,
        sign_in_aliases=cognito.SignInAliases(email=True),
        password_policy=cognito.PasswordPolicy(
            min_length=12,
            require_digits=True,
            require_lowercase=True,
            require_symbols=True,
            require_uppercase=True,
        ),
        mfa=mfa,
        mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
        account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
        feature_plan=cognito.FeaturePlan.PLUS if production else cognito.FeaturePlan.ESSENTIALS,
        standard_threat_protection_mode=cognito.StandardThreatProtectionMode.FULL_FUNCTION if production else None,
        deletion_protection=production,
        removal_policy=stack.removal_policy,
    )
    if not production:
        acknowledge(
            pool,
            reason=f"Threat protection bills each user; the sandbox's {who} are the deployer's own.",
            rules=("AwsSolutions-COG8",),
        )
    return pool
