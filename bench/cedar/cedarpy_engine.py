"""cedarpy behind the protocol of bench/cedar/engines.mjs: cedarpy_engine.py DATA BUDGET_MS prints one JSON object."""
import json
import re
import sys
import time

import cedarpy


def answer(result):
    errors = sorted(re.search(r"policy `([^`]*)`", str(error)).group(1) for error in result.diagnostics.errors)
    return f"{'allow' if result.allowed else 'deny'} {','.join(sorted(result.diagnostics.reasons))} !{','.join(errors)}"


def measure(count, budget_ms, work):
    samples = []
    began = time.perf_counter_ns()
    while not samples or time.perf_counter_ns() - began < budget_ms * 1e6:
        for i in range(count):
            start = time.perf_counter_ns()
            work(i)
            samples.append(time.perf_counter_ns() - start)
    samples.sort()
    return {"p50": samples[len(samples) // 2], "p99": samples[len(samples) * 99 // 100]}


data = json.load(open(sys.argv[1], encoding="utf-8"))
budget_ms = float(sys.argv[2])
policies = cedarpy.PolicySet.from_str(data["policies"])
entities = cedarpy.Entities.from_json_str(json.dumps(data["entities"]))
requests = data["requests"]
texts = [json.dumps(request) for request in requests]
answers = [answer(cedarpy.is_authorized(request, policies, entities)) for request in requests]
ready = measure(len(requests), budget_ms, lambda i: cedarpy.is_authorized(requests[i], policies, entities))
from_json = measure(len(requests), budget_ms, lambda i: cedarpy.is_authorized(json.loads(texts[i]), policies, entities))
print(json.dumps({"answers": answers, "ready": ready, "json": from_json}))
