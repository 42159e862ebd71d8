// Makes a case small while two engines still differ on it: fewer policies, entities, attributes, and smaller expressions.

const kMostTrials = 3000;

const without = (list, at) => [...list.slice(0, at), ...list.slice(at + 1)];
const replaced = (list, at, value) => [...list.slice(0, at), value, ...list.slice(at + 1)];
const withoutKey = (object, key) => Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));

// Smaller versions of each part, one step at a time, the boldest first.
function* smallerExpression(node) {
  if (typeof node === 'string') return;
  for (const kid of node.kids) if (typeof kid !== 'string') yield kid;
  if (node.kids.length > 0) yield { text: ['true'], kids: [] };
  for (const [at, kid] of node.kids.entries()) for (const smaller of smallerExpression(kid)) yield { text: node.text, kids: replaced(node.kids, at, smaller) };
}

function* smallerPolicy(policy) {
  for (const at of policy.conditions.keys()) yield { ...policy, conditions: without(policy.conditions, at) };
  const heads = ['permit (principal, action, resource)', policy.head.replace(/^[@/][^]*?(?=permit|forbid)/, '')];
  for (const head of heads) if (head.length < policy.head.length) yield { ...policy, head };
  for (const [at, condition] of policy.conditions.entries()) {
    for (const body of smallerExpression(condition.body)) yield { ...policy, conditions: replaced(policy.conditions, at, { ...condition, body }) };
  }
}

function* smallerData(value) {
  if (Array.isArray(value)) {
    for (const at of value.keys()) yield without(value, at);
    for (const [at, item] of value.entries()) for (const smaller of smallerData(item)) yield replaced(value, at, smaller);
  } else if (typeof value === 'object' && value !== null && !('__entity' in value) && !('__extn' in value)) {
    for (const key of Object.keys(value)) yield withoutKey(value, key);
    for (const key of Object.keys(value)) for (const smaller of smallerData(value[key])) yield { ...value, [key]: smaller };
  }
}

function* smallerEntity(entity) {
  for (const at of entity.parents.keys()) yield { ...entity, parents: without(entity.parents, at) };
  if (entity.tags) yield withoutKey(entity, 'tags');
  for (const attrs of smallerData(entity.attrs)) yield { ...entity, attrs };
  if (entity.tags) for (const tags of smallerData(entity.tags)) yield { ...entity, tags };
}

function* halves(list) {
  for (let size = Math.ceil(list.length / 2); size >= 1; size >>= 1) {
    for (let from = 0; from < list.length; from += size) yield [...list.slice(0, from), ...list.slice(from + size)];
  }
}

function* smallerCase(one) {
  for (const policies of halves(one.policies)) yield { ...one, policies };
  for (const links of halves(one.links)) yield { ...one, links };
  if (one.links.length === 0 && one.templates.length > 0) yield { ...one, templates: [] };
  if (one.asJson) yield { ...one, asJson: false };
  for (const entities of halves(one.entities)) yield { ...one, entities };
  for (const [at, policy] of one.policies.entries()) for (const smaller of smallerPolicy(policy)) yield { ...one, policies: replaced(one.policies, at, smaller) };
  for (const [at, template] of one.templates.entries()) {
    for (const smaller of smallerPolicy(template)) if (smaller.head === template.head) yield { ...one, templates: replaced(one.templates, at, smaller) };
  }
  for (const [at, entity] of one.entities.entries()) for (const smaller of smallerEntity(entity)) yield { ...one, entities: replaced(one.entities, at, smaller) };
  for (const context of smallerData(one.requests[0].context)) yield { ...one, requests: [{ ...one.requests[0], context }] };
}

// `differs` tells whether a case with one request still shows the difference.
export async function minimize(one, differs) {
  let trials = 0;
  for (let progress = true; progress; ) {
    progress = false;
    for (const smaller of smallerCase(one)) {
      if (++trials > kMostTrials) return one;
      if (await differs(smaller)) {
        one = smaller;
        progress = true;
        break;
      }
    }
  }
  return one;
}
