"""Rate limiting: what counts, who reaches it, and what it costs nobody who does not want it."""

import ipaddress
from urllib.parse import urlsplit

import pytest

from lambdas.common.rate_limits import METRICS, METRICS_SERVICE, UNCHECKED_METRIC

STACK = "playback-limits"
ASKER = "<playback-limits/RateLimiter/Functions.GroupId>"
ENDPOINTS = {
    "catalog": {"catalog/ListTitles"},
    "playback": {"playback/CreateSession", "playback/GetManifest", "playback/License", "playback/Progress"},
    "profile": {"playback/ListProfiles", "playback/ListDevices", "playback/SignOutDevice"},
    "telemetry": {"playback/Telemetry"},
}


def limited(declared):
    """The functions that are limited, by policy."""
    found = {}
    for function in declared.functions():
        variables = function["Environment"]["Variables"]
        if "RATE_LIMIT_POLICY" in variables:
            found.setdefault(variables["RATE_LIMIT_POLICY"], {})[function.path] = function
    return found


def test_a_sandbox_without_the_opt_in_has_no_cache_and_no_network_for_it(sandbox):
    assert STACK not in sandbox.templates
    assert limited(sandbox) == {}
    assert all("VpcConfig" not in function.properties for function in sandbox.functions())


def test_every_route_of_viewers_has_its_quota(complete):
    found = limited(complete)
    limits = complete.settings.rate_limits
    for policy, functions in ENDPOINTS.items():
        assert functions <= set(found[policy])
        for function in found[policy].values():
            assert function["Environment"]["Variables"]["RATE_LIMIT_QUOTA"] == str(getattr(limits, policy))


def test_functions_that_ask_are_in_the_network_and_others_are_not(complete):
    asking = {path for functions in limited(complete).values() for path in functions}
    subnets = {f"<{subnet.path}>" for subnet in complete.of("AWS::EC2::Subnet", stack=STACK)}
    for function in complete.functions():
        assert ("VpcConfig" in function.properties) == (function.path in asking), function
        if function.path in asking:
            place = function["VpcConfig"]
            assert {function.text(subnet) for subnet in place["SubnetIds"]} == subnets
            assert [function.text(group) for group in place["SecurityGroupIds"]] == [ASKER]


def test_the_cache_lets_only_those_functions_in(complete):
    rules = {}
    for rule in complete.of("AWS::EC2::SecurityGroupIngress", stack=STACK):
        assert rule.text(rule["SourceSecurityGroupId"]) == ASKER
        rules[rule.text(rule["GroupId"]).rpartition("/")[2].partition(".")[0]] = rule["FromPort"], rule["ToPort"]
    assert rules == {"Cache": (6379, 6379), "Endpoints": (443, 443)}
    cache = complete.only("AWS::ElastiCache::ServerlessCache")
    assert [cache.text(group) for group in cache["SecurityGroupIds"]] == [f"<{STACK}/RateLimiter/Cache.GroupId>"]


def test_the_network_has_no_way_out(complete):
    assert not complete.of("AWS::EC2::InternetGateway", stack=STACK)
    assert not complete.of("AWS::EC2::NatGateway", stack=STACK)
    assert not complete.of("AWS::EC2::Route", stack=STACK)
    for subnet in complete.of("AWS::EC2::Subnet", stack=STACK):
        assert not subnet["MapPublicIpOnLaunch"]
        assert ipaddress.ip_network(subnet["CidrBlock"]).num_addresses > 4096, "room for a crowd of functions"


def test_endpoints_let_our_own_identities_through(complete):
    endpoints = complete.of("AWS::EC2::VPCEndpoint", stack=STACK)
    assert endpoints
    for endpoint in endpoints:
        for statement in endpoint.statements(endpoint["PolicyDocument"]):
            assert set(statement.condition["StringEquals"]) == {"aws:PrincipalAccount"}


def test_a_function_connects_as_one_user_to_one_cache(complete):
    name = complete.only("AWS::ElastiCache::ServerlessCache")["ServerlessCacheName"]
    user = complete.only("AWS::ElastiCache::User")
    # IAM names the user by its id and the cache by its name; ElastiCache wants id and name of the user alike.
    assert user["UserId"] == user["UserName"] == name == name.lower()
    assert user["AuthenticationMode"] == {"Type": "iam"}
    for functions in limited(complete).values():
        for function in functions.values():
            url = urlsplit(function.text(function["Environment"]["Variables"]["RATE_LIMIT_URL"]))
            assert (url.scheme, url.username) == ("valkeys", name)
            role = complete.at(f"{function.path}Role")
            [connect] = [
                statement for statement in complete.granted(role) if "elasticache:Connect" in statement.actions
            ]
            assert connect.actions == {"elasticache:Connect"}
            assert {":".join(resource.split(":")[-2:]) for resource in connect.resources} == {
                f"serverlesscache:{name}",
                f"user:{name}",
            }


def test_an_alarm_watches_what_passes_unchecked(complete):
    [alarm] = [alarm for alarm in complete.of("AWS::CloudWatch::Alarm") if alarm.properties.get("Namespace") == METRICS]
    assert alarm["MetricName"] == UNCHECKED_METRIC
    assert alarm["Dimensions"] == [{"Name": "service", "Value": METRICS_SERVICE}]
    assert alarm["AlarmActions"]


@pytest.mark.parametrize("wall", ["the web ACL", "the API's throttle"])
def test_the_outer_walls_stand(complete, wall):
    if wall == "the web ACL":
        [rule] = [
            rule["Statement"]["RateBasedStatement"]
            for rule in complete.only("AWS::WAFv2::WebACL")["Rules"]
            if "RateBasedStatement" in rule["Statement"]
        ]
        # An address may be a household, or a carrier's: more than any one viewer in five minutes.
        limits = complete.settings.rate_limits
        assert rule["AggregateKeyType"] == "IP"
        assert rule["Limit"] > 5 * (limits.playback + limits.catalog + limits.profile + limits.telemetry)
    else:
        stages = complete.of("AWS::ApiGatewayV2::Stage", stack="playback")
        assert stages
        assert all(stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0 for stage in stages)
