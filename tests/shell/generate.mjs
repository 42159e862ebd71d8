// Lines of a shell, made by a grammar from a seed: programs p1..p4 succeed, f1..f2 fail; words are quoted, built and expanded in many ways.
export function* lines(seed, count) {
  let state = seed >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
  const pick = (list) => list[next() % list.length];
  const chance = (percent) => next() % 100 < percent;
  const program = () => pick(["p1", "p2", "p3", "p4", "f1", "f2"]);
  const names = ["x", "y", "z", "long_name"];
  const plain = () => pick(["a", "b1", "-f", "--flag", "--k=v", "a.txt", "dir/sub", "1", "0", "-", "a,b", "a=b", "@x", "%", "+5", "é", "a:b", ".", ".."]);
  const quotedText = () => pick(["a b", "", "'", "$x", "*", "a;b", "a|b", "#", "\\", "{1,2}", "~", "a  b", "&&", "$(p1)", "!"]);
  const inDouble = () => pick(["a b", "", "$x", "${y}", "a'b", "\\\"", "\\$x", "*", "$(p1 q)", "`p2 r`", "${z:-d e}", "${x#a}", "a\\\\b", "$((1))", "~", "{a,b}"]);
  const piece = (depth) => {
    switch (next() % 16) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4: return plain();
      case 5: return `'${quotedText().replaceAll("'", "")}'`;
      case 6:
      case 7: return `"${inDouble()}"`;
      case 8: return `\\${pick([" ", "$", "'", "a", ";", "*", "\\", "#"])}`;
      case 9: return `$'${pick(["a\\tb", "\\x41", "\\'", "\\n", "\\101"])}'`;
      case 10: return pick(["$x", "${y}", "$z", "${x}${y}", "${long_name}"]);
      case 11: return pick(["${x:-d}", "${y:+p}", "${x#a}", "${x%b}", "${y/a/b}", "${#x}", "${x^^}", "${x:0:1}"]);
      case 12: return pick(["{a,b}", "{1..3}", "x{a,b}y", "{a,b}{c,d}", "{a", "a}", "{}", "{a}"]);
      case 13: return depth > 0 ? `$(${simple(depth - 1)})` : "$(p1 s)";
      case 14: return depth > 0 ? `\`p3 ${plain()}\`` : "a";
      default: return "$((1+2))";
    }
  };
  const word = (depth) => Array.from({ length: chance(25) ? 2 : 1 }, () => piece(depth)).join("");
  const assignment = (depth) => `${pick(names)}=${chance(60) ? plain() : word(depth)}`;
  const redirection = () => pick([">out", ">>out", "2>err", "2>&1", "<in", "&>both", ">|out", "3>fd", "<<<here", "<<<\"$x\""]);
  function simple(depth) {
    const parts = [];
    if (chance(10)) parts.push(assignment(depth));
    parts.push(chance(88) ? program() : pick(["\"p1\"", "p\\2", "'p3'", "$'p4'", "p\"1\""]));
    const count = next() % 4;
    for (let i = 0; i < count; i++) parts.push(word(depth));
    if (chance(15)) parts.splice(1 + (next() % parts.length), 0, redirection());
    return parts.join(chance(95) ? " " : "  ");
  }
  function command(depth) {
    if (depth <= 0 || chance(60)) return chance(12) ? assignment(depth) : simple(depth);
    const inner = () => list(depth - 1);
    switch (next() % 14) {
      case 0: return `(${inner()})`;
      case 1: return `{ ${inner()}; }`;
      case 2: return `if ${simple(depth - 1)}; then ${inner()}; fi`;
      case 3: return `if ${simple(depth - 1)}; then ${inner()}; else ${inner()}; fi`;
      case 4: return `for ${pick(names)} in ${word(0)} ${word(0)}; do ${inner()}; done`;
      case 5: return `case ${word(0)} in a) ${inner()};; *) ${inner()};; esac`;
      case 6: return `! ${simple(depth - 1)}`;
      case 7: return `fn() { ${inner()}; }; fn ${word(0)}`;
      case 8: return `eval '${pick(["p1 a", "p2 \"b c\"", "x=q; p3 $x"])}'`;
      case 9: return `p1 <<E\nbody $x\nE\n`;
      case 10: return `set -- ${word(0)} ${word(0)}; p2 "$1" "$@"`;
      case 11: return `while f1 ${plain()}; do ${inner()}; done`;
      case 12: return `[[ ${plain()} == ${pick(["a", "b*"])} ]] && ${simple(depth - 1)}`;
      default: return `((x = 1)); p4 ${word(0)}`;
    }
  }
  const after = (text, join) => (text.endsWith("\n") && join === "; " ? text : text + join);
  function list(depth) {
    let out = command(depth);
    const more = next() % 3;
    for (let i = 0; i < more; i++) {
      const join = pick(["; ", "; ", " && ", " || ", " | ", "\n"]);
      if (out.endsWith("\n")) out += command(depth).trimStart();
      else out = after(out, join) + command(depth);
    }
    return out.endsWith("\n") ? `${out}:` : out;
  }
  for (let i = 0; i < count; i++) yield list(3);
}
