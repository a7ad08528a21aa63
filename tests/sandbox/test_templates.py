"""What templates may declare beyond stock: networks, tables, alarms, other regions' outputs, and what does not run."""

import json

import pytest

pytestmark = pytest.mark.embedded


def test_what_does_not_run_is_deployed_and_listed(cloud, deploy):
    outputs = deploy(
        {
            "Alarm": {
                "Type": "AWS::Budgets::Budget",
                "Properties": {"Budget": {"BudgetType": "COST", "TimeUnit": "MONTHLY"}},
            },
            "Chaos": {"Type": "AWS::FIS::ExperimentTemplate", "Properties": {"Description": "d"}},
            "Logs": {"Type": "AWS::CloudFront::RealtimeLogConfig", "Properties": {"Name": "n"}},
        },
        {
            "Chaos": {"Ref": "Chaos"},
            "ChaosId": {"Fn::GetAtt": ["Chaos", "Id"]},
            "LogsArn": {"Fn::GetAtt": ["Logs", "Arn"]},
        },
    )
    assert outputs["LogsArn"].startswith("arn:aws:cloudfront:us-east-1:000000000000:realtimelogconfig/")
    assert outputs["ChaosId"]

    def listed(entries):
        return {entry["type"]: entry["reason"] for entry in entries if entry["stack"] == deploy.stack}

    expected = {"AWS::Budgets::Budget", "AWS::FIS::ExperimentTemplate", "AWS::CloudFront::RealtimeLogConfig"}
    by_http = listed(cloud.status()["declaredOnly"])
    assert set(by_http) == expected
    assert all(by_http.values())
    assert listed(json.loads((cloud.work_dir / "declared-only.json").read_text())) == by_http
    deploy.delete(deploy.stack)
    assert listed(cloud.status()["declaredOnly"]) == {}


def test_a_type_nobody_thought_of_is_refused(aws):
    with pytest.raises(aws("cloudformation").exceptions.ClientError, match="AWS::Braket::QuantumTask"):
        aws("cloudformation").create_stack(
            StackName="unknown", TemplateBody=json.dumps({"Resources": {"X": {"Type": "AWS::Braket::QuantumTask"}}})
        )


def test_the_page_says_what_was_changed_and_why(cloud):
    patches = cloud.status()["patches"]
    assert {"target", "why"} == set(patches[0])
    assert all(entry["why"] for entry in patches)


def test_a_network_with_gateways(aws, deploy):
    outputs = deploy(
        {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.8.0.0/16"}},
            "Subnet": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {
                    "VpcId": {"Ref": "Vpc"},
                    "CidrBlock": {"Fn::Select": [0, {"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 4, 8]}]},
                },
            },
            "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
            "Nat": {
                "Type": "AWS::EC2::NatGateway",
                "Properties": {
                    "SubnetId": {"Ref": "Subnet"},
                    "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]},
                },
            },
            "Acl": {"Type": "AWS::EC2::NetworkAcl", "Properties": {"VpcId": {"Ref": "Vpc"}}},
            "Entry": {
                "Type": "AWS::EC2::NetworkAclEntry",
                "Properties": {
                    "NetworkAclId": {"Ref": "Acl"},
                    "RuleNumber": 100,
                    "Protocol": 6,
                    "RuleAction": "deny",
                    "CidrBlock": "10.0.0.0/8",
                },
            },
            "Flow": {
                "Type": "AWS::EC2::FlowLog",
                "Properties": {"ResourceId": {"Ref": "Vpc"}, "ResourceType": "VPC", "TrafficType": "REJECT"},
            },
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "g", "VpcId": {"Ref": "Vpc"}},
            },
            "Rule": {
                "Type": "AWS::EC2::SecurityGroupIngress",
                "Properties": {
                    "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
                    "IpProtocol": "tcp",
                    "FromPort": 6379,
                    "ToPort": 6379,
                    "CidrIp": "10.8.0.0/16",
                },
            },
        },
        {"Vpc": {"Ref": "Vpc"}, "Nat": {"Ref": "Nat"}, "Group": {"Fn::GetAtt": ["Group", "GroupId"]}},
    )
    ec2 = aws("ec2")
    (gateway,) = ec2.describe_nat_gateways(NatGatewayIds=[outputs["Nat"]])["NatGateways"]
    assert (gateway["State"], gateway["VpcId"]) == ("available", outputs["Vpc"])
    (group,) = ec2.describe_security_groups(GroupIds=[outputs["Group"]])["SecurityGroups"]
    assert [rule["FromPort"] for rule in group["IpPermissions"]] == [6379]
    (flow,) = [f for f in ec2.describe_flow_logs()["FlowLogs"] if f["ResourceId"] == outputs["Vpc"]]
    assert flow["TrafficType"] == "REJECT"
    acls = [a for a in ec2.describe_network_acls()["NetworkAcls"] if a["VpcId"] == outputs["Vpc"]]
    assert [entry["RuleAction"] for acl in acls if not acl["IsDefault"] for entry in acl["Entries"]] == ["deny"]


def test_tables_keep_their_expiry_and_recovery(aws, deploy):
    keys = {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
    }
    recovery = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}

    def resources(**extra):
        replicas = [{"Region": "us-east-1", **recovery}]
        return {
            "Global": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": {**keys, "Replicas": replicas, **extra}},
            "Plain": {"Type": "AWS::DynamoDB::Table", "Properties": {**keys, **recovery}},
        }

    outputs = deploy(resources(), {"Global": {"Ref": "Global"}, "Plain": {"Ref": "Plain"}})
    deploy.update(deploy.stack, resources(TableClass="STANDARD"))
    dynamodb = aws("dynamodb")
    for table in outputs.values():
        expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
        backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        status = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        assert status == "ENABLED"


def test_composite_alarms_follow_their_parts(aws, deploy):
    outputs = deploy(
        {
            "Part": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "MetricName": "m",
                    "Namespace": "n",
                    "Statistic": "Sum",
                    "Period": 60,
                    "EvaluationPeriods": 1,
                    "Threshold": 1,
                    "ComparisonOperator": "GreaterThanThreshold",
                },
            },
            "Whole": {
                "Type": "AWS::CloudWatch::CompositeAlarm",
                "Properties": {"AlarmRule": {"Fn::Sub": 'ALARM("${Part.Arn}")'}},
            },
        },
        {"Part": {"Ref": "Part"}, "Whole": {"Ref": "Whole"}},
    )
    cloudwatch = aws("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=outputs["Part"], StateValue="ALARM", StateReason="test")
    answer = cloudwatch.describe_alarms(AlarmNames=[outputs["Whole"]], AlarmTypes=["CompositeAlarm"])
    assert answer["CompositeAlarms"][0]["StateValue"] == "ALARM"
    deploy.delete(deploy.stack)
    assert not cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]


def test_another_regions_output_is_readable(aws, deploy):
    deploy({"Topic": {"Type": "AWS::SNS::Topic"}}, {"Arn": {"Ref": "Topic"}}, region="us-west-2")
    value = {"Fn::GetStackOutput": {"StackName": deploy.stack, "Region": "us-west-2", "OutputName": "Arn"}}
    name = deploy(
        {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}},
        {"Name": {"Ref": "Parameter"}},
    )["Name"]
    assert aws("ssm").get_parameter(Name=name)["Parameter"]["Value"].startswith("arn:aws:sns:us-west-2:")


def test_a_key_replica_opens_what_its_primary_closed(aws, deploy):
    policy = {"Version": "2012-10-17", "Statement": []}
    primary = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy, "MultiRegion": True}}
    key = deploy({"Key": primary}, {"Arn": {"Fn::GetAtt": ["Key", "Arn"]}})["Arn"]
    blob = aws("kms").encrypt(KeyId=key, Plaintext=b"content key")["CiphertextBlob"]
    replica = {"Type": "AWS::KMS::ReplicaKey", "Properties": {"PrimaryKeyArn": key, "KeyPolicy": policy}}
    arn = deploy({"Key": replica}, {"Arn": {"Fn::GetAtt": ["Key", "Arn"]}}, region="us-west-2")["Arn"]
    assert arn == key.replace("us-east-1", "us-west-2")
    assert aws("kms", region="us-west-2").decrypt(CiphertextBlob=blob, KeyId=arn)["Plaintext"] == b"content key"
