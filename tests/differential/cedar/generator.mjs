// One case from one seed: a policy set, entities and requests. The shapes are in world.mjs and expression.mjs.
import { Expressions, render, uidText } from './expression.mjs';
import { Random } from './random.mjs';
import * as world from './world.mjs';

const kMostPolicies = 50;

function entityScope(random, variable) {
  const uid = () => uidText(random.pick(world.things));
  return random.pick([
    () => variable,
    () => variable,
    () => variable,
    () => `${variable} == ${uid()}`,
    () => `${variable} in ${uid()}`,
    () => `${variable} in ${uid()}`,
    () => `${variable} is ${random.pick(world.entityTypes)}`,
    () => `${variable} is ${random.pick(world.entityTypes)} in ${uid()}`,
  ])();
}

function actionScope(random) {
  const uid = () => uidText(random.pick(world.actions));
  return random.pick([
    () => 'action',
    () => 'action',
    () => `action == ${uid()}`,
    () => `action in ${uid()}`,
    () => `action in [${Array.from({ length: random.between(0, 4) }, uid).join(', ')}]`,
  ])();
}

function annotations(random) {
  if (!random.chance(0.15)) return '';
  return random.pick(['@id("x")\n', '@note\n', '@reason("a \\"b\\"")\n@shadow("")\n', '// a comment\n']);
}

// A template's constraint on one variable, with its slot.
function slotScope(random, variable) {
  return random.pick([`${variable} == ?${variable}`, `${variable} in ?${variable}`, `${variable} is ${random.pick(world.entityTypes)} in ?${variable}`]);
}

// `slots`: the variables that are left open; with one or two of them the policy is a template.
function policy(random, slots = []) {
  const expressions = new Expressions(random);
  const scope = (variable) => (slots.includes(variable) ? slotScope : entityScope)(random, variable);
  return {
    slots,
    head: `${annotations(random)}${random.pick(['permit', 'permit', 'forbid'])} (${scope('principal')}, ${actionScope(random)}, ${scope('resource')}${random.chance(0.05) ? ',' : ''})`,
    conditions: Array.from({ length: random.pick([0, 1, 1, 1, 2, 3]) }, () => ({
      word: random.pick(['when', 'when', 'unless']),
      body: expressions.make('bool', random.between(1, 4)),
    })),
  };
}

function templatesAndLinks(random) {
  if (random.chance(0.6)) return { templates: [], links: [] };
  const templates = Array.from({ length: random.between(1, 3) }, () => policy(random, random.pick([['principal'], ['resource'], ['principal', 'resource']])));
  const links = Array.from({ length: random.between(0, 8) }, () => {
    const template = random.below(templates.length);
    return { template, values: Object.fromEntries(templates[template].slots.map((variable) => [`?${variable}`, random.pick(world.things)])) };
  });
  return { templates, links };
}

export function generateCase(seed, requests) {
  const random = new Random(Math.imul(seed, 0x9e3779b1));
  for (let i = 0; i < 4; ++i) random.next();
  const count = 2 + Math.floor((kMostPolicies - 1) * random.next() ** 2);
  return {
    seed,
    policies: Array.from({ length: count }, () => policy(random)),
    ...templatesAndLinks(random),
    asJson: random.chance(0.5),
    entities: world.entities(random),
    requests: Array.from({ length: requests }, () => world.request(random)),
  };
}

export function policyText(p) {
  return `${p.head}${p.conditions.map(({ word, body }) => ` ${word} { ${render(body)} }`).join('')};`;
}

// What the engines are given. Policies are named by position, templates behind the others.
export function written({ policies, templates, links, asJson, entities, requests }) {
  const templateId = (at) => `policy${policies.length + at}`;
  return {
    policies: policies.map(policyText),
    templates: Object.fromEntries(templates.map((template, at) => [templateId(at), policyText(template)])),
    links: links.map(({ template, values }, at) => ({ templateId: templateId(template), newId: `link${at}`, values })),
    asJson,
    entities,
    requests,
  };
}
