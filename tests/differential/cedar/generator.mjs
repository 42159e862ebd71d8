// One case from one seed: a policy set, entities and requests. The shapes are in world.mjs and expression.mjs.
import { Expressions, quote, render, uidText } from './expression.mjs';
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

function policy(random) {
  const expressions = new Expressions(random);
  return {
    head: `${annotations(random)}${random.pick(['permit', 'permit', 'forbid'])} (${entityScope(random, 'principal')}, ${actionScope(random)}, ${entityScope(random, 'resource')}${random.chance(0.05) ? ',' : ''})`,
    conditions: Array.from({ length: random.pick([0, 1, 1, 1, 2, 3]) }, () => ({
      word: random.pick(['when', 'when', 'unless']),
      body: expressions.make('bool', random.between(1, 4)),
    })),
  };
}

export function generateCase(seed, requests) {
  const random = new Random(Math.imul(seed, 0x9e3779b1));
  for (let i = 0; i < 4; ++i) random.next();
  const count = 2 + Math.floor((kMostPolicies - 1) * random.next() ** 2);
  return {
    seed,
    policies: Array.from({ length: count }, () => policy(random)),
    entities: world.entities(random),
    requests: Array.from({ length: requests }, () => world.request(random)),
  };
}

export function policyText(p) {
  return `${p.head}${p.conditions.map(({ word, body }) => ` ${word} { ${render(body)} }`).join('')};`;
}

// What the engines are given.
export function written({ policies, entities, requests }) {
  return { policies: policies.map(policyText).join('\n'), entities, requests };
}

export { quote };
