// dev lint: clang-format and the house rules on everything, clang-tidy on what differs from a base commit.
// Usage: node scripts/lint.mjs [--fix] [--tidy [BASE]]     (BASE: HEAD)
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const fix = process.argv.includes('--fix');
const tidy_at = process.argv.indexOf('--tidy');
const git = (...words) => execFileSync('git', words, { encoding: 'utf8' }).split('\n').filter(Boolean);

let passed = 0;
let failed = 0;
function close(name, broken) {
  if (broken.length) failed++;
  else passed++;
  console.log(`${broken.length ? 'FAIL' : 'ok  '} ${name}`);
  for (const line of broken.slice(0, 60)) console.log(`     ${line}`);
}

function format() {
  const files = git('ls-files', '--cached', '--others', '--exclude-standard').filter((f) => /\.(cpp|hpp)$/.test(f) && existsSync(f));
  if (fix) {
    for (let at = 0; at < files.length; at += 50) execFileSync('clang-format-19', ['-i', ...files.slice(at, at + 50)]);
  }
  const broken = files.filter((file) => spawnSync('clang-format-19', ['--dry-run', '--Werror', file]).status !== 0);
  close(`clang-format (${files.length} files)`, broken.map((file) => `${file}: run ./dev lint --fix`));
}

function tidy() {
  const given = process.argv[tidy_at + 1];
  const base = given && !given.startsWith('-') ? given : 'HEAD';
  if (!existsSync('build/release/compile_commands.json')) {
    close('clang-tidy', ['build/release/compile_commands.json is missing: run ./dev build first']);
    return;
  }
  const changed = [...new Set([...git('diff', '--name-only', base), ...git('ls-files', '--others', '--exclude-standard')])];
  const files = changed.filter((file) => /^src\/.*\.cpp$/.test(file) && existsSync(file));
  const broken = [];
  for (const file of files) {
    // The compile commands are g++'s: clang does not know some of its warnings.
    const done = spawnSync('clang-tidy-19', ['-p', 'build/release', '--quiet', '--extra-arg=-Wno-unknown-warning-option', file], { encoding: 'utf8' });
    if (done.status !== 0) broken.push(`${file}:`, ...done.stdout.split('\n').filter((line) => /error:|warning:/.test(line)));
  }
  close(`clang-tidy (${files.length} files that differ from ${base})`, broken);
}

format();
if (tidy_at > 0) tidy();
const rules = spawnSync(process.execPath, ['scripts/house_rules.mjs', '--report'], { encoding: 'utf8' });
process.stdout.write(rules.stdout.replace(/^\d+ passed, \d+ failed\n?$/m, ''));
const counts = /(\d+) passed, (\d+) failed\s*$/.exec(rules.stdout) ?? [0, 0, 1];
console.log(`${passed + Number(counts[1])} passed, ${failed + Number(counts[2])} failed`);
process.exit(failed + Number(counts[2]) === 0 ? 0 : 1);
