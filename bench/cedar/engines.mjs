// The engines that `dev bench cedar` compares. Each is a program that is run as PROGRAM DATA BUDGET_MS and prints
//   {"answers": ["allow policy0,policy3 !policy2", ...], "ready": {"p50", "p99"}, "json": {"p50", "p99"}, "floor"?: {...}}
// in nanoseconds: decisions on requests that are parsed already, and on requests as JSON text.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const kBuild_ms = 15 * 60_000;

export function findEngines(root, build) {
  const here = join(root, 'bench', 'cedar');
  const engines = [{ name: 'interlock', command: [join(build, 'bench', 'cedar_load')] }];
  const native = nativeEngine(root, here);
  if (native) engines.push({ name: 'native cedar', command: [native] });
  const python = join(root, 'build', 'cedarpy', 'bin', 'python');
  if (existsSync(python)) engines.push({ name: 'cedarpy', command: [python, join(here, 'cedarpy_engine.py')] });
  else console.log('SKIPPED cedarpy: build/cedarpy is not here (dev check cedar-differential brings it)');
  if (existsSync(join(root, 'tests', 'peers', 'node_modules', '@cedar-policy', 'cedar-wasm'))) {
    engines.push({ name: 'cedar-wasm', command: [process.execPath, join(here, 'wasm_engine.mjs')] });
  } else {
    console.log('SKIPPED cedar-wasm: tests/peers/install brings it');
  }
  return engines;
}

function nativeEngine(root, here) {
  const target = join(root, 'build', 'native-cedar');
  try {
    console.log('building native Cedar (once, some minutes)');
    execFileSync('cargo', ['build', '--release', '--locked', '--quiet', '--manifest-path', join(here, 'native', 'Cargo.toml')], {
      env: { ...process.env, CARGO_TARGET_DIR: target }, timeout: kBuild_ms, stdio: ['ignore', 'ignore', 'pipe'],
    });
    return join(target, 'release', 'cedar-native');
  } catch (error) {
    console.log(`SKIPPED native Cedar: ${String(error.stderr ?? '').trim().split('\n').pop() || error.message}`);
    return undefined;
  }
}

export function runEngine({ command: [program, ...before] }, data, budget_ms) {
  const text = execFileSync(program, [...before, data, String(budget_ms)], { encoding: 'utf8', maxBuffer: 64 << 20, timeout: 120_000 });
  return JSON.parse(text);
}
