// Random Cedar expressions of a wanted type, over every operator and extension function; now and then of another type, with a
// bad literal or a wrong arity, because how evaluation fails is part of what is compared.
//
// An expression is {text, kids}: the literal parts and what stands between them. So a minimizer can replace any part by one
// of its own parts without knowing Cedar.
import * as world from './world.mjs';

const e = (text, ...kids) => ({ text, kids });
const leaf = (text) => ({ text: [text], kids: [] });

export function render(node) {
  if (typeof node === 'string') return node;
  return node.text.map((part, i) => (i < node.kids.length ? part + render(node.kids[i]) : part)).join('');
}

const kOddType = 0.03; // an operand of any type
const kBadText = 0.06; // of a literal for an extension constructor
const extensionTypes = ['ip', 'decimal', 'datetime', 'duration'];
const allTypes = ['bool', 'long', 'string', 'entity', 'longs', 'strings', 'entities', 'record', ...extensionTypes];
const sets = { longs: 'long', strings: 'string', entities: 'entity' };

// A string literal, with the escapes that Cedar has.
export function quote(text, random) {
  let out = '';
  for (const c of text) {
    const code = c.codePointAt(0);
    if (c === '"' || c === '\\') out += '\\' + c;
    else if (c === '\n') out += '\\n';
    else if (code === 0) out += '\\0';
    else if (random?.chance(0.05)) out += code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
    else out += c;
  }
  return `"${out}"`;
}

export const uidText = ({ type, id }) => `${type}::${quote(id)}`;

const isIdentifier = (name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name !== 'if';

export class Expressions {
  constructor(random) {
    this.random = random;
  }

  // How often each form is taken is in the repetitions.
  make(type, depth) {
    const random = this.random;
    if (random.chance(kOddType)) type = random.pick(allTypes);
    if (depth <= 0) return this.leaf(type);
    if (random.chance(0.06)) return e`(if ${this.make('bool', depth - 1)} then ${this.make(type, depth - 1)} else ${this.make(type, depth - 1)})`;
    if (type !== 'bool' && random.chance(0.3)) return this.leaf(type);
    if (type !== 'bool' && random.chance(0.25)) return this.access(type, depth);
    switch (type) {
      case 'bool': return this.bool(depth);
      case 'long': return this.long(depth);
      case 'string':
      case 'entity': return this.access(type, depth);
      case 'record': return this.record(depth);
      case 'ip':
      case 'decimal': return this.construct(type);
      case 'datetime': return this.datetime(depth);
      case 'duration': return this.duration(depth);
      default: return this.set(sets[type], depth);
    }
  }

  leaf(type) {
    const random = this.random;
    if (random.chance(0.35)) return this.access(type, 0);
    switch (type) {
      case 'bool': return leaf(random.pick(['true', 'false']));
      case 'long': return leaf(random.pick(world.textLongs));
      case 'string': return leaf(quote(random.pick(world.strings), random));
      case 'entity': return leaf(random.chance(0.5) ? random.pick(['principal', 'resource', 'action']) : uidText(random.pick(random.chance(0.2) ? world.actions : world.things)));
      case 'record': return leaf(random.pick(['context', 'context', '{}', '{count: 1, "odd name": 2}']));
      case 'longs':
      case 'strings':
      case 'entities': return this.set(sets[type], 0);
      default: return this.construct(type);
    }
  }

  // Something that has attributes: mostly what the request names.
  holder(depth) {
    const random = this.random;
    if (depth <= 0 || random.chance(0.7)) return leaf(random.pick(['principal', 'resource', 'context', 'context', 'principal.owner', 'context.nested', 'context.owner']));
    return this.make(random.pick(['entity', 'record']), depth - 1);
  }

  dot(holder, name) {
    return isIdentifier(name) && this.random.chance(0.8) ? e`${holder}.${name}` : e`${holder}[${quote(name)}]`;
  }

  access(type, depth) {
    const random = this.random;
    const fitting = world.namesOf(type);
    const name = fitting.length > 0 ? random.pick(fitting) : random.pick(world.names);
    if (random.chance(0.06)) return e`${this.make('entity', depth - 1)}.getTag(${this.make('string', depth - 1)})`;
    const holder = this.holder(depth);
    const access = this.dot(holder, name);
    // The usual guard keeps most accesses from failing.
    if (type === 'bool' && random.chance(0.6)) return e`(${holder} has ${this.attribute(name)} && ${access})`;
    if (random.chance(0.4)) return e`(if ${holder} has ${this.attribute(name)} then ${access} else ${this.leafLiteral(type)})`;
    return access;
  }

  leafLiteral(type) {
    const fallback = { bool: 'false', long: '7', string: '"none"', entity: 'User::"a"', record: '{}' };
    return leaf(fallback[type] ?? (sets[type] ? '[]' : render(this.construct(type))));
  }

  attribute(name) {
    return isIdentifier(name) && this.random.chance(0.8) ? name : quote(name);
  }

  set(element, depth) {
    const items = Array.from({ length: this.random.between(0, 3) }, () => this.make(element, depth - 1));
    return this.list('[', items, ']');
  }

  record(depth) {
    const names = this.random.some(world.names, 0.15);
    if (names.length === 0) return leaf('{}');
    const kids = names.map((name) => this.make(world.attributes[name] === 'anything' ? 'longs' : world.attributes[name], depth - 1));
    const text = names.map((name, i) => `${i === 0 ? '{' : ', '}${this.attribute(name)}: `);
    return { text: [...text, '}'], kids };
  }

  list(open, items, close) {
    if (items.length === 0) return leaf(open + close);
    return { text: [open, ...items.slice(1).map(() => ', '), close], kids: items };
  }

  construct(type) {
    const random = this.random;
    if (random.chance(0.01)) return leaf(random.pick([`${type}()`, `${type}("1", "2")`]));
    if (random.chance(0.05)) return e`${type}(${this.leaf('string')})`;
    return leaf(`${type}(${quote(random.pick(random.chance(kBadText) ? world.badTexts[type] : world.goodTexts[type]))})`);
  }

  // Several operands without parentheses between them: precedence and associativity are the parser's.
  chain(operators, operand) {
    const count = this.random.between(2, 4);
    const kids = Array.from({ length: count }, operand);
    return { text: ['(', ...kids.slice(1).map(() => ` ${this.random.pick(operators)} `), ')'], kids };
  }

  bool(depth) {
    const random = this.random;
    const sub = (type) => this.make(type, depth - 1);
    const extension = () => random.pick(['decimal', 'ip']);
    const forms = [
      () => this.chain(['&&', '||'], () => sub('bool')),
      () => this.chain(['&&'], () => sub('bool')),
      () => e`(${random.pick(['!', '!!', '! !!'])}${sub('bool')})`,
      () => { const type = random.pick(allTypes); return e`(${sub(type)} ${random.pick(['==', '!='])} ${sub(random.chance(0.9) ? type : random.pick(allTypes))})`; },
      () => { const type = random.pick(['long', 'long', 'datetime', 'duration']); return e`(${sub(type)} ${random.pick(['<', '<=', '>', '>='])} ${sub(random.chance(0.95) ? type : 'long')})`; },
      () => e`(${sub('entity')} in ${sub(random.pick(['entity', 'entity', 'entities']))})`,
      () => e`(${sub('entity')} is ${random.pick(world.entityTypes)})`,
      () => e`(${sub('entity')} is ${random.pick(world.entityTypes)} in ${sub(random.pick(['entity', 'entities']))})`,
      () => e`(${this.holder(depth)} has ${this.attribute(random.pick(world.names))})`,
      () => e`(${this.holder(depth)} has ${random.pick(['nested.count', 'owner.name', 'nested.deep.flag', 'owner.owner.count', 'count.name', 'deep.nested.deep.nested'])})`,
      () => e`(${sub('string')} like ${this.pattern()})`,
      () => { const type = random.pick(Object.keys(sets)); return e`${sub(type)}.contains(${sub(sets[type])})`; },
      () => { const type = random.pick(Object.keys(sets)); return e`${sub(type)}.${random.pick(['containsAll', 'containsAny'])}(${sub(type)})`; },
      () => e`${sub(random.pick(Object.keys(sets)))}.isEmpty()`,
      () => e`${sub('entity')}.hasTag(${random.chance(0.7) ? quote(random.pick(world.tagNames)) : sub('string')})`,
      () => { const at = sub('entity'); const tag = quote(random.pick(world.tagNames)); return e`(${at}.hasTag(${tag}) && ${at}.getTag(${tag}) ${random.pick(['==', '!='])} ${sub(random.pick(['string', 'long']))})`; },
      () => e`${sub('decimal')}.${random.pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'])}(${sub('decimal')})`,
      () => e`${sub('ip')}.${random.pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'])}()`,
      () => e`${sub('ip')}.isInRange(${sub('ip')})`,
      () => (random.chance(0.1) ? e`${sub(extension())}.${random.pick(['isInRange()', 'lessThan()', 'isIpv4(1)', 'toDate(1)', 'offset()'])}` : this.access('bool', depth)),
    ];
    return random.pick(forms)();
  }

  pattern() {
    const random = this.random;
    const pieces = Array.from({ length: random.between(1, 4) }, () =>
      random.chance(0.45) ? '*' : random.chance(0.1) ? '\\*' : quote(random.pick([...world.strings, 'a', 'work', '.', '/']), random).slice(1, -1).replaceAll('*', '\\*'));
    return `"${pieces.join('')}"`;
  }

  long(depth) {
    const random = this.random;
    const sub = () => this.make('long', depth - 1);
    return random.pick([
      () => this.chain(['+', '-', '*'], sub),
      () => this.chain(['+', '-'], sub),
      () => e`(${random.pick(['-', '--', '- -'])}${e`(${sub()})`})`,
      () => e`${this.make('duration', depth - 1)}.${random.pick(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'])}()`,
    ])();
  }

  datetime(depth) {
    const sub = () => this.make('datetime', depth - 1);
    return this.random.pick([() => this.construct('datetime'), () => e`${sub()}.offset(${this.make('duration', depth - 1)})`, () => e`${sub()}.toDate()`])();
  }

  duration(depth) {
    const sub = () => this.make('datetime', depth - 1);
    return this.random.pick([() => this.construct('duration'), () => e`${sub()}.durationSince(${sub()})`, () => e`${sub()}.toTime()`])();
  }
}
