// The engines that are compared, each as an object with answer(case) → {answers: [...]} or {refused: why}. An answer is
// {decision, reasons, errors}, ids sorted, or {refused: why}.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const sorted = (answer) => (answer.refused === undefined ? { decision: answer.decision, reasons: [...answer.reasons].sort(), errors: [...answer.errors].sort() } : answer);

// An engine in a child process that answers JSON lines in order.
export class LineEngine {
  constructor(name, command, args, read = (answer) => answer) {
    this.name = name;
    this.knows = () => true;
    this.read = read;
    this.waiting = [];
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.child.stdout, crlfDelay: Infinity }).on('line', (line) => this.waiting.shift()?.resolve(line));
    this.child.stdin.on('error', () => {}); // its exit says more
    this.child.on('error', (error) => this.end(error.message));
    this.child.on('exit', (code, signal) => this.end(`ended with ${signal ?? code}`));
  }

  end(why) {
    this.dead = why;
    for (const one of this.waiting.splice(0)) one.reject(new Error(`${this.name} ${why}`));
  }

  async answer(one) {
    if (this.dead) throw new Error(`${this.name} ${this.dead}`);
    const line = await new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin.write(`${JSON.stringify(one)}\n`);
    });
    const result = JSON.parse(line);
    return result.refused === undefined ? { answers: result.answers.map((answer) => sorted(this.read(answer))) } : result;
  }

  close() {
    this.child.stdin.end();
  }
}

// cedarpy reports an error as a sentence that begins with the policy.
const policyOf = (text) => /^error while evaluating policy `([^`]*)`/.exec(text)?.[1] ?? `no policy in: ${text}`;
export function cedarpy(python, script) {
  const engine = new LineEngine('cedarpy', python, [script], (answer) => (answer.errors ? { ...answer, errors: answer.errors.map(policyOf) } : answer));
  engine.knows = (one) => one.document === undefined && Object.keys(one.templates).length === 0; // it has no links
  return engine;
}

// The reference engine as npm ships it, in this process. Throws where the package is missing.
export class CedarWasm {
  constructor(peers) {
    this.name = 'cedar-wasm';
    this.knows = () => true;
    this.wasm = createRequire(peers)('@cedar-policy/cedar-wasm/nodejs');
  }

  version() {
    return this.wasm.getCedarSDKVersion();
  }

  // The policies as a JSON document where the case asks for that. Integers that JavaScript can't hold keep a case in text.
  prepare(one) {
    const texts = [...one.policies, ...Object.values(one.templates)];
    if (!one.asJson || texts.some((text) => /\d{17}/.test(text))) return one;
    const convert = (text, call) => {
      const result = call(text);
      return result.type === 'success' ? result.json : undefined;
    };
    const staticPolicies = Object.fromEntries(one.policies.map((text, at) => [`policy${at}`, convert(text, this.wasm.policyToJson)]));
    const templates = Object.fromEntries(Object.entries(one.templates).map(([id, text]) => [id, convert(text, this.wasm.templateToJson)]));
    if ([...Object.values(staticPolicies), ...Object.values(templates)].includes(undefined)) return one;
    const templateLinks = one.links.map(({ templateId, newId, values }) => ({ templateId, newId, values: Object.fromEntries(Object.entries(values).map(([slot, uid]) => [slot, { __entity: uid }])) }));
    return { ...one, document: { staticPolicies, templates, templateLinks } };
  }

  async answer({ policies, templates, links, document, entities, requests }) {
    const why = (result) => result.errors.map((error) => error.message).join('; ');
    const parsed = this.wasm.preparsePolicySet('case', document ?? { staticPolicies: policies.join('\n'), templates, templateLinks: links });
    if (parsed.type === 'failure') return { refused: `policies: ${why(parsed)}` };
    return {
      answers: requests.map((request) => {
        const result = this.wasm.statefulIsAuthorized({ ...request, preparsedPolicySetId: 'case', entities });
        if (result.type === 'failure') return { refused: why(result) };
        const { decision, diagnostics } = result.response;
        return sorted({ decision, reasons: diagnostics.reason, errors: diagnostics.errors.map((error) => error.policyId) });
      }),
    };
  }

  close() {}
}
