"""EC2 networking that stock CloudFormation lacks: gateways, addresses, ACLs, flow logs, security group rules.

None of it moves a packet: the records let templates deploy, and DescribeX calls answer.
"""

import secrets
import time
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from sandbox.extension.pinned import Emulated, resource

_WHY = "Stock CloudFormation lacks it"

Created = tuple[str, dict[str, Any]]
Properties = dict[str, Any]


def apply() -> None:
    """Register the resource types."""
    _expose_vpc_attributes()
    resource("AWS::EC2::EIP", create=_elastic_ip, delete=_release, why=_WHY)
    resource("AWS::EC2::NatGateway", create=_nat_gateway, delete=_from(ec2._nat_gateways), why=_WHY)
    resource("AWS::EC2::FlowLog", create=_flow_log, delete=_from(ec2._flow_logs), why=_WHY)
    resource("AWS::EC2::NetworkAcl", create=_network_acl, delete=_from(ec2._network_acls), why=_WHY)
    resource("AWS::EC2::NetworkAclEntry", create=_acl_entry, delete=_remove_acl_entry, why=_WHY)
    resource("AWS::EC2::SubnetNetworkAclAssociation", create=_acl_association, delete=_nothing, why=_WHY)
    resource(
        "Custom::VpcRestrictDefaultSG",
        create=_close_default_group,
        delete=_nothing,
        why="The function behind it needs the JavaScript SDK of the Lambda runtime",
    )
    for direction, permissions in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        resource(
            f"AWS::EC2::SecurityGroup{direction}",
            create=_rule_adder(permissions),
            delete=_rule_remover(permissions),
            why=_WHY,
        )


def _close_default_group(_logical_id: str, properties: Properties, _stack: str) -> Created:
    """CDK's ``restrictDefaultSecurityGroup``: the VPC's default group lets nothing in and nothing out."""
    group_id = str(properties["DefaultSecurityGroupId"])
    group = ec2._security_groups[group_id]
    group["IpPermissions"], group["IpPermissionsEgress"] = [], []
    return f"closed-{group_id}", {}


def _id(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(9)[:17]}"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def _from(store: Emulated) -> Emulated:
    return lambda physical_id, _: store.pop(physical_id, None)


def _nothing(physical_id: str, properties: Properties) -> None:
    """There is nothing to undo."""


def _expose_vpc_attributes() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]
    stock_create, stock_update = handlers["create"], handlers["update"]

    def attributes(vpc_id: str) -> Properties:
        vpc = ec2._vpcs[vpc_id]
        return {
            "VpcId": vpc_id,
            "CidrBlock": vpc["CidrBlock"],
            "CidrBlockAssociations": [],
            "Ipv6CidrBlocks": [],
            "DefaultSecurityGroup": vpc["DefaultSecurityGroupId"],
            "DefaultNetworkAcl": vpc["DefaultNetworkAclId"],
        }

    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        vpc_id, _ = stock_create(logical_id, properties, stack)
        return vpc_id, attributes(vpc_id)

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
        vpc_id, _ = stock_update(physical_id, old, new, stack, logical_id)
        return vpc_id, attributes(vpc_id)

    resource(
        "AWS::EC2::VPC",
        create=create,
        update=update,
        delete=handlers["delete"],
        why="Stock has no CidrBlock attribute",
    )


def _elastic_ip(_logical_id: str, properties: Properties, _stack: str) -> Created:
    allocation, address = _id("eipalloc"), ec2._random_ip("52.")
    ec2._addresses[allocation] = {
        "AllocationId": allocation,
        "PublicIp": address,
        "Domain": properties.get("Domain", "vpc"),
        "AssociationId": None,
        "InstanceId": None,
        "NetworkInterfaceId": None,
        "PrivateIpAddress": None,
    }
    return address, {"AllocationId": allocation, "PublicIp": address}


def _release(physical_id: str, _: Properties) -> None:
    for allocation, record in ec2._addresses.items():
        if record["PublicIp"] == physical_id:
            ec2._addresses.pop(allocation, None)


def _nat_gateway(_logical_id: str, properties: Properties, _stack: str) -> Created:
    gateway, subnet = _id("nat"), properties["SubnetId"]
    ec2._nat_gateways[gateway] = {
        "NatGatewayId": gateway,
        "SubnetId": subnet,
        "VpcId": (ec2._subnets.get(subnet) or {}).get("VpcId", ""),
        "AllocationId": properties.get("AllocationId", ""),
        "ConnectivityType": properties.get("ConnectivityType", "public"),
        "State": "available",
        "CreateTime": _now(),
        "Tags": properties.get("Tags", []),
    }
    return gateway, {"NatGatewayId": gateway}


def _flow_log(_logical_id: str, properties: Properties, _stack: str) -> Created:
    flow_log = _id("fl")
    ec2._flow_logs[flow_log] = {
        "FlowLogId": flow_log,
        "ResourceId": properties["ResourceId"],
        "ResourceType": properties["ResourceType"],
        "TrafficType": properties.get("TrafficType", "ALL"),
        "LogDestinationType": properties.get("LogDestinationType", "cloud-watch-logs"),
        "LogDestination": properties.get("LogDestination") or properties.get("LogGroupName", ""),
        "FlowLogStatus": "ACTIVE",
        "CreationTime": _now(),
    }
    return flow_log, {"Id": flow_log}


def _network_acl(_logical_id: str, properties: Properties, _stack: str) -> Created:
    acl = _id("acl")
    ec2._network_acls[acl] = {
        "NetworkAclId": acl,
        "VpcId": properties["VpcId"],
        "IsDefault": False,
        "Entries": [],
        "Associations": [],
        "Tags": properties.get("Tags", []),
        "OwnerId": get_account_id(),
    }
    return acl, {"Id": acl}


def _acl_entry(logical_id: str, properties: Properties, stack: str) -> Created:
    entry = {
        "RuleNumber": int(properties["RuleNumber"]),
        "Protocol": str(properties["Protocol"]),
        "RuleAction": properties["RuleAction"],
        "Egress": str(properties.get("Egress", False)).lower() == "true",
        "CidrBlock": properties.get("CidrBlock", "0.0.0.0/0"),
    }
    entries = ec2._network_acls[properties["NetworkAclId"]]["Entries"]
    if entry not in entries:
        entries.append(entry)
    return f"{stack}-{logical_id}", {"Id": f"{stack}-{logical_id}"}


def _remove_acl_entry(_physical_id: str, properties: Properties) -> None:
    acl = ec2._network_acls.get(properties["NetworkAclId"])
    if acl is not None:
        acl["Entries"] = [e for e in acl["Entries"] if e["RuleNumber"] != int(properties["RuleNumber"])]


def _acl_association(_logical_id: str, properties: Properties, _stack: str) -> Created:
    association = _id("aclassoc")
    ec2._network_acls[properties["NetworkAclId"]]["Associations"].append(
        {"NetworkAclAssociationId": association, "SubnetId": properties["SubnetId"]}
    )
    return association, {"AssociationId": association}


def _permission(properties: Properties) -> Properties:
    permission: Properties = {
        "IpProtocol": str(properties.get("IpProtocol", "-1")),
        "IpRanges": [{"CidrIp": properties["CidrIp"]}] if "CidrIp" in properties else [],
        "Ipv6Ranges": [{"CidrIpv6": properties["CidrIpv6"]}] if "CidrIpv6" in properties else [],
        "PrefixListIds": [],
        "UserIdGroupPairs": [],
    }
    peer = properties.get("SourceSecurityGroupId") or properties.get("DestinationSecurityGroupId")
    if peer:
        permission["UserIdGroupPairs"] = [{"GroupId": peer, "UserId": get_account_id()}]
    for key in ("FromPort", "ToPort"):
        if key in properties:
            permission[key] = int(properties[key])
    return permission


def _rule_adder(field: str) -> Emulated:
    def create(_logical_id: str, properties: Properties, _stack: str) -> Created:
        ec2._security_groups[properties["GroupId"]][field].append(_permission(properties))
        rule = _id("sgr")
        return rule, {"Id": rule}

    return create


def _rule_remover(field: str) -> Emulated:
    def delete(_physical_id: str, properties: Properties) -> None:
        group = ec2._security_groups.get(properties["GroupId"])
        if group is not None and _permission(properties) in group[field]:
            group[field].remove(_permission(properties))

    return delete
