// The small world that generated cases speak of: few names, so that policies, entities and requests meet, and the awkward
// values of each type. Also entities and requests over it, in Cedar's JSON form.

// Integers that stand in data stay within 2^53: JSON reaches cedar-wasm through doubles.
export const dataLongs = [0, 1, -1, 2, 3, 5, 10, 100, 1000, 9007199254740991, -9007199254740991];
export const textLongs = [...dataLongs.map(String), '9223372036854775807', '9223372036854775806', '-9223372036854775808', '4611686018427387904'];
export const strings = ['', 'a', 'alice', 'file.txt', '/work/src/x.ts', '/work/.ssh/id', 'a*b', '*', 'ü', 'e\u0301', '日本', '😀', '10.0.0.1', '1.5', '2024-01-01', '1h', 'say "no"', 'back\\slash', 'two\nlines', '\0', 'count', 'name'];
export const ips = ['10.0.0.1', '10.0.0.0/8', '10.1.2.3/32', '127.0.0.1', '127.0.0.0/8', '::1', '::/0', 'fe80::1/10', '224.0.0.1', 'ff02::1', '192.168.1.1/24', '0.0.0.0/0', '2001:db8::a:1'];
export const decimals = ['1.0', '-1.5', '0.0', '0.0001', '-0.0', '922337203685477.5807', '-922337203685477.5808', '12.3456'];
export const datetimes = ['2024-01-01', '1970-01-01', '2024-02-29T12:34:56Z', '2024-02-29T12:34:56.789Z', '2024-01-01T00:00:00+0530', '1969-12-31T23:59:59.999Z', '0000-01-01', '9999-12-31T23:59:59.999Z', '2024-01-01T05:30:00.000-0100'];
export const durations = ['1h', '0ms', '-1d', '1d2h3m4s5ms', '90m', '9223372036854775807ms', '-9223372036854775808ms', '106751991167d', '1s'];
export const badTexts = {
  ip: ['300.1.1.1', '10.0.0.1/33', '', '01.0.0.1', '::1::', '10.0.0.1/08', '1.2.3', ':::', '::ffff:1.2.3.4'],
  decimal: ['1.23456', 'abc', '1', '.5', '1.', '922337203685477.5808', '+1.0', ' 1.0'],
  datetime: ['2023-02-29', '2024-01-01T00:00:00', '2024-13-01', '2024-01-01T24:00:00Z', '2024-1-1', '2024-01-01T00:00:60Z', '2024-01-01T00:00:00+2400'],
  duration: ['1m1h', '', '1', 'h', '9223372036854775808ms', '--1h', '1h1h', '1.5h'],
};
export const goodTexts = { ip: ips, decimal: decimals, datetime: datetimes, duration: durations };

// Attributes by type. `nested` holds some of the others again.
export const attributes = {
  flag: 'bool', open: 'bool', count: 'long', size: 'long', name: 'string', path: 'string', owner: 'entity', place: 'entity',
  numbers: 'longs', words: 'strings', friends: 'entities', mixed: 'anything', nested: 'record', deep: 'record', from: 'ip', price: 'decimal',
  at: 'datetime', span: 'duration', 'odd name': 'long', if: 'bool', ünï: 'string', '': 'long',
};
export const names = Object.keys(attributes);
export const namesOf = (type) => names.filter((name) => attributes[name] === type);
export const tagNames = ['a', 'count', 'alice', 'role', ''];

const ids = ['a', 'b', 'c', 'x y', 'q"z', 'ü', ''];
const types = ['User', 'Group', 'Photo', 'Album', 'NS::Doc'];
const actionIds = ['view', 'edit', 'delete', 'read', 'write', 'all'];
export const entityTypes = [...types, 'Ghost', 'Action', 'NS::Action'];
export const actions = [...actionIds.map((id) => ({ type: 'Action', id })), { type: 'NS::Action', id: 'go' }];
export const things = types.flatMap((type) => ids.map((id) => ({ type, id })));

const sameUid = (a, b) => a.type === b.type && a.id === b.id;

// A value of a type, as data. Now and then another type than asked for, which policies then trip over.
export function value(random, type, depth = 2) {
  if (random.chance(0.04)) type = random.pick(['bool', 'long', 'string', 'entity', 'longs', 'record', 'ip', 'decimal']);
  const list = (element, most) => Array.from({ length: random.between(0, most) }, () => value(random, element, depth - 1));
  switch (type) {
    case 'bool': return random.chance(0.5);
    case 'long': return random.pick(dataLongs);
    case 'string': return random.pick(strings);
    case 'entity': return { __entity: random.pick(random.chance(0.1) ? actions : things) };
    case 'longs': return list('long', 4);
    case 'strings': return list('string', 4);
    case 'entities': return list('entity', 4);
    case 'anything': return depth > 0 ? list(random.pick(['longs', 'record', 'bool', 'ip', 'strings']), 3) : [];
    case 'record': return depth > 0 ? record(random, 0.25, depth - 1) : {};
    default: return { __extn: { fn: type, arg: random.pick(goodTexts[type]) } };
  }
}

export function record(random, density, depth = 2) {
  return Object.fromEntries(random.some(names, density).map((name) => [name, value(random, attributes[name], depth)]));
}

// Parents come later in the list than their children, so there is no cycle.
function hierarchy(random, uids, presence) {
  return random.some(uids.map((uid, at) => ({ uid, at })), presence).map(({ uid, at }) => {
    const above = uids.slice(at + 1).filter((other) => !sameUid(uid, other));
    const parents = above.length === 0 ? [] : Array.from({ length: random.pick([0, 0, 1, 1, 2, 3]) }, () => random.pick(above));
    return { uid, attrs: {}, parents: parents.filter((parent, i) => parents.findIndex((other) => sameUid(parent, other)) === i) };
  });
}

export function entities(random) {
  const presence = random.pick([0.2, 0.6, 0.9]);
  const density = random.pick([0.1, 0.4, 0.8]);
  const made = hierarchy(random, things, presence);
  for (const entity of made) {
    entity.attrs = record(random, density);
    if (random.chance(0.5)) {
      entity.tags = Object.fromEntries(random.some(tagNames, 0.5).map((tag) => [tag, value(random, random.pick(['string', 'long', 'strings', 'entity']))]));
    }
  }
  return [...made, ...hierarchy(random, actions, presence)];
}

export function request(random) {
  const thing = () => (random.chance(0.03) ? { type: 'Ghost', id: 'nobody' } : random.pick(things));
  return { principal: thing(), action: random.pick(actions), resource: thing(), context: record(random, random.pick([0.2, 0.5, 0.9])) };
}
