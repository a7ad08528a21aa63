"""What the tests of Batch deploy."""

# Writes its process id into its own scratch folder, then waits.
WAIT = 'echo $$ > "$TMPDIR/pid"; sleep 600 & wait'


def environment(kind, max_vcpus):
    """The CloudFormation resource of a compute environment."""
    return {
        "Type": "AWS::Batch::ComputeEnvironment",
        "Properties": {
            "Type": "MANAGED",
            "ComputeResources": {"Type": kind, "MaxvCpus": max_vcpus, "Subnets": []},
        },
    }


def queue(*environments, priority=1, **properties):
    """The CloudFormation resource of a job queue on compute environments of the same template."""
    order = [{"Order": place, "ComputeEnvironment": {"Ref": name}} for place, name in enumerate(environments, 1)]
    return {
        "Type": "AWS::Batch::JobQueue",
        "Properties": {"Priority": priority, "ComputeEnvironmentOrder": order} | properties,
    }


def definition(command="true", *, vcpus="0.25", memory="512", **properties):
    """The CloudFormation resource of a job definition."""
    return {
        "Type": "AWS::Batch::JobDefinition",
        "Properties": {
            "Type": "container",
            "ContainerProperties": {
                "Image": "encoder",
                "Command": [command],
                "ResourceRequirements": [{"Type": "VCPU", "Value": vcpus}, {"Type": "MEMORY", "Value": memory}],
                "LogConfiguration": {
                    "LogDriver": "awslogs",
                    "Options": {"awslogs-group": "/test/farm", "awslogs-stream-prefix": "encode"},
                },
                **properties.pop("container", {}),
            },
            **properties,
        },
    }
