"""What a deployment would create, as one file to keep in git; the Makefile pipes Metaflow's ``--only-json`` into it.

python infra/gitops.py argo FILE                          < workflow-template.json
python infra/gitops.py step-functions FILE --config YAML  < state-machine.json

Metaflow prints the workflow alone. Here its schedule comes with it, if the flow has one: for Argo a list of
WorkflowTemplate and CronWorkflow (``kubectl apply -f FILE``), for Step Functions a CloudFormation template of state
machine and rule.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml

PLACEHOLDER = "__PLACEHOLDER_PRODUCTION_TOKEN__"
TOKEN = "gitops"  # the results are in Metaflow's namespace production:gitops
WEEKLY = "0 0 ? * SUN *"


def argo(template: dict[str, Any]) -> dict[str, Any]:
    """The template and, if its annotation asks for one, its CronWorkflow."""
    template = json.loads(json.dumps(template).replace(PLACEHOLDER, TOKEN))
    items = [template]
    if annotation := template["metadata"]["annotations"].get("metaflow/cron"):
        items.append(cron_workflow(template, json.loads(annotation)))
    return {"apiVersion": "v1", "kind": "List", "items": items}


def cron_workflow(template: dict[str, Any], cron: dict[str, str]) -> dict[str, Any]:
    """What runs a template at the times that Metaflow has noted in it."""
    name = template["metadata"]["name"]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": name, "namespace": template["metadata"]["namespace"]},
        "spec": {
            "schedules": [cron["schedule"].replace("?", "*")],
            **({"timezone": cron["tz"]} if cron["tz"] else {}),
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3540,
            "workflowSpec": {"workflowTemplateRef": {"name": name}},
        },
    }


def step_functions(machine: dict[str, Any], cron: str) -> dict[str, Any]:
    """A CloudFormation template; the roles are those of Metaflow's own stack."""
    role = {"Type": "String", "AllowedPattern": "arn:.*"}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "A flow of MoEMoE on its schedule.",
        "Parameters": {
            "StateMachineRole": {**role, "Description": "METAFLOW_SFN_IAM_ROLE of Metaflow's profile"},
            "ScheduleRole": {**role, "Description": "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE of Metaflow's profile"},
        },
        "Resources": {
            "StateMachine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Metadata": {"cfn-lint": {"config": {"ignore_checks": ["E1029"]}}},  # ${...} is the steps' shell
                "Properties": {"RoleArn": {"Ref": "StateMachineRole"}, "DefinitionString": json.dumps(machine)},
            },
            "Schedule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "ScheduleExpression": f"cron({cron})",
                    "State": "ENABLED",
                    "Targets": [
                        {
                            "Id": "StateMachine",
                            "Arn": {"Ref": "StateMachine"},
                            "RoleArn": {"Ref": "ScheduleRole"},
                            "Input": json.dumps({"Parameters": "{}"}),
                        }
                    ],
                },
            },
        },
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scheduler", choices=("argo", "step-functions"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--config", type=Path, help="the deployment's YAML, for its schedule")
    arguments = parser.parse_args()
    text = sys.stdin.read()
    if not text.strip():
        sys.exit("gitops: Metaflow compiled nothing; see its error above")
    compiled = json.loads(text)
    if arguments.scheduler == "argo":
        made = argo(compiled)
    else:
        config = yaml.safe_load(arguments.config.read_text()) if arguments.config else {}
        made = step_functions(compiled, (config.get("schedule") or {}).get("cron", WEEKLY))
    arguments.file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = arguments.file.with_name(f".{arguments.file.name}")
    unfinished.write_text(json.dumps(made, indent=2) + "\n")
    os.replace(unfinished, arguments.file)
    print(f"written: {arguments.file}")


if __name__ == "__main__":
    main()
