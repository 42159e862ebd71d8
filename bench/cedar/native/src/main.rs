//! Native Cedar behind the protocol of bench/cedar/engines.mjs: cedar-native DATA BUDGET_MS prints one JSON object.
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Response};
use serde_json::{json, Value};
use std::time::{Duration, Instant};

fn request(value: &Value) -> Request {
    let uid = |name: &str| EntityUid::from_json(value[name].clone()).expect("uid");
    let context = Context::from_json_value(value["context"].clone(), None).expect("context");
    Request::new(uid("principal"), uid("action"), uid("resource"), context, None).expect("request")
}

fn answer(response: &Response) -> String {
    let join = |mut ids: Vec<String>| {
        ids.sort();
        ids.join(",")
    };
    let decision = if response.decision() == Decision::Allow { "allow" } else { "deny" };
    let reasons = join(response.diagnostics().reason().map(|id| id.to_string()).collect());
    let errors = join(
        response
            .diagnostics()
            .errors()
            .map(|error| match error {
                cedar_policy::AuthorizationError::PolicyEvaluationError(e) => e.policy_id().to_string(),
            })
            .collect(),
    );
    format!("{decision} {reasons} !{errors}")
}

/// Times every call by itself, round after round, until the budget is spent; the first round is warming up.
fn measure(count: usize, budget: Duration, mut work: impl FnMut(usize)) -> Value {
    for i in 0..count {
        work(i);
    }
    let began = Instant::now();
    let mut samples = Vec::new();
    while began.elapsed() < budget || samples.is_empty() {
        for i in 0..count {
            let start = Instant::now();
            work(i);
            samples.push(start.elapsed().as_nanos() as u64);
        }
    }
    samples.sort_unstable();
    json!({"p50": samples[samples.len() / 2], "p99": samples[samples.len() * 99 / 100]})
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let data: Value = serde_json::from_str(&std::fs::read_to_string(&arguments[1]).expect("data")).expect("json");
    let budget = Duration::from_millis(arguments[2].parse().expect("budget"));
    let policies: PolicySet = data["policies"].as_str().expect("policies").parse().expect("policies");
    let entities = Entities::from_json_value(data["entities"].clone(), None).expect("entities");
    let texts: Vec<String> = data["requests"].as_array().expect("requests").iter().map(|r| r.to_string()).collect();
    let ready: Vec<Request> = texts.iter().map(|t| request(&serde_json::from_str(t).expect("request"))).collect();
    let authorizer = Authorizer::new();
    let answers: Vec<String> = ready.iter().map(|r| answer(&authorizer.is_authorized(r, &policies, &entities))).collect();
    let from_ready = measure(ready.len(), budget, |i| {
        std::hint::black_box(authorizer.is_authorized(&ready[i], &policies, &entities));
    });
    let from_json = measure(ready.len(), budget, |i| {
        let parsed = request(&serde_json::from_str(&texts[i]).expect("request"));
        std::hint::black_box(authorizer.is_authorized(&parsed, &policies, &entities));
    });
    println!("{}", json!({"answers": answers, "ready": from_ready, "json": from_json}));
}
