"""The native reference engine behind the line protocol of driver.cpp, by way of cedarpy."""
import json
import sys

import cedarpy


def uid(v):
    return {"type": v["type"], "id": v["id"]}


def answer(case):
    try:
        policies = cedarpy.PolicySet.from_str("\n".join(case["policies"]))
        entities = cedarpy.Entities.from_json_str(json.dumps(case["entities"]))
    except ValueError as error:
        return {"refused": str(error)}
    requests = [
        {"principal": uid(r["principal"]), "action": uid(r["action"]), "resource": uid(r["resource"]), "context": r["context"]}
        for r in case["requests"]
    ]
    answers = []
    for result in cedarpy.is_authorized_batch(requests, policies, entities):
        if result.decision == cedarpy.Decision.NoDecision:
            answers.append({"refused": "; ".join(map(str, result.diagnostics.errors))})
            continue
        answers.append({
            "decision": "allow" if result.allowed else "deny",
            "reasons": sorted(result.diagnostics.reasons),
            "errors": [str(e) for e in result.diagnostics.errors],
        })
    return {"answers": answers}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
