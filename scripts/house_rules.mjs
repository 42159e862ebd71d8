// The house rules that a program can judge. Usage: node scripts/house_rules.mjs [--report]
// Each rule is one case of "N passed, N failed"; --report lists long files, which is advice and fails nothing.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const kLongFileLines = 500;
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);
const texts = new Map();
for (const file of files) {
  if (!/\.(cpp|hpp|mjs|js|cmake|yaml|md|cedar|sh)$|CMakeLists\.txt$|^dev$|\/run[a-z_]*$/.test(file)) continue;
  try {
    texts.set(file, readFileSync(file, 'utf8'));
  } catch {
    // Listed by git, deleted in the working tree.
  }
}
const code = [...texts].filter(([file]) => /^(src|bench|tests)\/.*\.(cpp|hpp)$/.test(file));
const source = code.filter(([file]) => file.startsWith('src/'));
const rooms = new Set(source.map(([file]) => file.split('/')[1]));

// Each rule returns what breaks it: [file, line number, what].
function lines_matching(list, pattern, what) {
  const found = [];
  for (const [file, text] of list) {
    text.split('\n').forEach((line, at) => {
      if (pattern.test(line)) found.push([file, at + 1, what]);
    });
  }
  return found;
}

const rules = {
  'no include climbs out of its folder with ".."': () =>
    lines_matching(code, /^\s*#\s*include\s*["<][^">]*\.\.\//, 'write the include from src/: "room/file.hpp"'),

  'an include of src/ names its room': () => {
    const found = [];
    for (const [file, text] of source) {
      text.split('\n').forEach((line, at) => {
        const name = /^\s*#\s*include\s*"([^"]+)"/.exec(line)?.[1];
        if (name && !rooms.has(name.split('/')[0])) found.push([file, at + 1, `"${name}" is not written from src/`]);
      });
    }
    return found;
  },

  'a header opens with what it is for, and #pragma once follows': () =>
    source
      .filter(([file]) => file.endsWith('.hpp'))
      .filter(([, text]) => !/^\/\/ .{20,}/.test(text) || !text.includes('#pragma once'))
      .map(([file]) => [file, 1, 'the head comment or #pragma once is missing']),

  'a source file opens with its header or with what it is for': () =>
    code
      .filter(([file]) => file.endsWith('.cpp'))
      .filter(([, text]) => !/^(\/\/ .{10,}|#include ")/.test(text))
      .map(([file]) => [file, 1, 'start with a comment on its purpose, or with its own header']),

  'no TODO, FIXME or XXX': () =>
    lines_matching([...texts].filter(([file]) => !file.startsWith('scripts/')), /\b(TODO|FIXME|XXX)\b(?!")/, 'finish it, or write it down in docs/limitations.md'),

  'no std::regex': () => lines_matching(source, /std::regex|#\s*include\s*<regex>/, 'use RE2'),

  'heavy headers stay in .cpp files': () =>
    lines_matching(
      source.filter(([file]) => file.endsWith('.hpp') && !file.includes('_internal')),
      /#\s*include\s*<(boost\/(asio|beast)|CLI\/|spdlog|yaml-cpp|valijson)/,
      'a heavy header in a header costs every user of it seconds',
    ),

  'no file ends without a newline or holds a tab or trailing blanks': () => {
    const found = [];
    for (const [file, text] of texts) {
      if (file.startsWith('tests/corpora/') || !/\.(cpp|hpp|mjs)$|^dev$/.test(file)) continue;
      if (text && !text.endsWith('\n')) found.push([file, text.split('\n').length, 'no newline at the end']);
      text.split('\n').forEach((line, at) => {
        if (/^\t|[ \t]$/.test(line)) found.push([file, at + 1, 'a tab or a trailing blank']);
      });
    }
    return found;
  },

  'no name that says nothing (Manager, Helper, Util, Impl)': () =>
    lines_matching(source, /\b(class|struct)\s+\w*(Manager|Helper|Utils?|Impl)\b/, 'name what it is'),
};

let passed = 0;
let failed = 0;
for (const [rule, judge] of Object.entries(rules)) {
  const found = judge();
  if (found.length === 0) passed++;
  else failed++;
  console.log(`${found.length ? 'FAIL' : 'ok  '} ${rule}`);
  for (const [file, line, what] of found.slice(0, 20)) console.log(`     ${file}:${line}: ${what}`);
  if (found.length > 20) console.log(`     and ${found.length - 20} more`);
}
if (process.argv.includes('--report')) {
  const long = code.map(([file, text]) => [file, text.split('\n').length - 1]).filter(([, length]) => length > kLongFileLines);
  console.log(long.length ? `files over ${kLongFileLines} lines (advice):` : `no file over ${kLongFileLines} lines`);
  for (const [file, length] of long.sort((a, b) => b[1] - a[1])) console.log(`     ${file}: ${length}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
