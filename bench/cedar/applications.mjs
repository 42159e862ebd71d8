// The data sets of `dev bench cedar`: policies, entities and requests, the same for every engine. Seeded, so that a run can be
// repeated.
//
// gdrive, github and tinytodo are the applications of the paper on Cedar (OOPSLA 2024, §5) after its description: `size`
// entities of each kind, any two of which are connected with a probability of 0.05. The gateway is what Interlock itself asks
// on every tool call: a permit a tool, forbids on arguments, effects and labels.
import { Random } from '../../tests/differential/cedar/random.mjs';

const kConnected = 0.05;
const kRequests = 200;

const uid = (type, id) => ({ type, id: String(id) });
const reference = (type, id) => ({ __entity: uid(type, id) });
const entity = (type, id, attrs = {}, parents = []) => ({ uid: uid(type, id), attrs, parents });
const range = (n) => Array.from({ length: n }, (_, i) => i);
const requestsOf = (make) => range(kRequests).map(make);

function gdrive(size) {
  const random = new Random(size);
  const some = (type, prefix = '', below = size) => range(below).filter(() => random.chance(kConnected)).map((i) => ({ type, id: `${prefix}${i}` }));
  const groupsOf = range(size).map(() => some('Group'));
  const viewers = () => [...some('View', 'user-'), ...some('View', 'group-')];
  const entities = [
    ...['read', 'write', 'share', 'changeOwner', 'createDocument'].map((id) => entity('Action', id)),
    ...range(size).flatMap((i) => [
      entity('User', i, {
        documentsAndFoldersWithViewAccess: reference('View', `user-${i}`),
        ownedDocuments: some('Document').map((each) => ({ __entity: each })),
        ownedFolders: some('Folder').map((each) => ({ __entity: each })),
      }, groupsOf[i]),
      entity('View', `user-${i}`),
      entity('Group', i),
      entity('View', `group-${i}`, {}, range(size).filter((user) => groupsOf[user].some(({ id }) => id === String(i))).map((user) => uid('View', `user-${user}`))),
      entity('Document', i, { isPublic: random.chance(0.5) }, [...some('Folder'), ...viewers()]),
      entity('Folder', i, {}, [...some('Folder', '', i), ...viewers()]),
    ]),
  ];
  const policies = `
    // Who was given a view of a document, or of a folder above it, alone or through a group, can read it.
    permit (principal, action == Action::"read", resource) when { resource in principal.documentsAndFoldersWithViewAccess };
    // A public document is everybody's to read.
    permit (principal, action == Action::"read", resource) when { resource.isPublic };
    // Owners of a document, or of a folder above it, use and share it.
    permit (principal, action in [Action::"read", Action::"write", Action::"share"], resource)
    when { resource in principal.ownedDocuments || resource in principal.ownedFolders };
    // A document goes to another owner by the hand of its own.
    permit (principal, action == Action::"changeOwner", resource) when { principal.ownedDocuments.contains(resource) };
    // In a folder its owner makes documents.
    permit (principal, action == Action::"createDocument", resource) when { principal.ownedFolders.contains(resource) };`;
  const actions = ['read', 'write', 'share', 'changeOwner', 'createDocument'];
  const requests = requestsOf(() => {
    const action = random.pick(actions);
    return { principal: uid('User', random.below(size)), action: uid('Action', action), resource: uid(action === 'createDocument' ? 'Folder' : 'Document', random.below(size)), context: {} };
  });
  return { policies, entities, requests };
}

function github(size) {
  const random = new Random(size + 1000);
  const roles = ['readers', 'triagers', 'writers', 'maintainers', 'admins'];
  const organizationRoles = ['readers', 'writers', 'admins'];
  const some = (make, below = size) => range(below).filter(() => random.chance(kConnected)).map(make);
  const inRepository = (i) => uid('RepoPermission', `${i}-${random.pick(roles)}`);
  const inOrganization = (i) => uid('OrgPermission', `${i}-${random.pick(organizationRoles)}`);
  const permissions = (type, i, names) => Object.fromEntries(names.map((role) => [role, reference(type, `${i}-${role}`)]));
  const levels = ['read', 'triage', 'write', 'maintain', 'admin'];
  const entities = [
    ...levels.map((level, i) => entity('Action', level, {}, levels.slice(i + 1, i + 2).map((above) => uid('Action', above)))),
    ...range(size).flatMap((i) => [
      entity('Organization', i, permissions('OrgPermission', i, organizationRoles), some(inOrganization)),
      ...organizationRoles.map((role) => entity('OrgPermission', `${i}-${role}`)),
      entity('Repository', i, { ...permissions('RepoPermission', i, roles), owner: reference('Organization', random.below(size)) }),
      ...roles.map((role) => entity('RepoPermission', `${i}-${role}`)),
      entity('Team', i, {}, [...some((j) => uid('Team', j), i), ...some(inRepository)]),
      entity('User', i, {}, [...some(inRepository), ...some((j) => uid('Team', j)), ...some((j) => uid('Organization', j)), ...some(inOrganization)]),
    ]),
  ];
  const policies = `
    // A role in the repository allows its own action and the lesser ones.
    permit (principal, action == Action::"read", resource) when { principal in resource.readers };
    permit (principal, action in Action::"triage", resource) when { principal in resource.triagers };
    permit (principal, action in Action::"write", resource) when { principal in resource.writers };
    permit (principal, action in Action::"maintain", resource) when { principal in resource.maintainers };
    permit (principal, action in Action::"admin", resource) when { principal in resource.admins };
    // So does a role in the organization that owns it.
    permit (principal, action == Action::"read", resource) when { principal in resource.owner.readers };
    permit (principal, action in Action::"write", resource) when { principal in resource.owner.writers };
    permit (principal, action in Action::"admin", resource) when { principal in resource.owner.admins };`;
  const requests = requestsOf(() => ({ principal: uid('User', random.below(size)), action: uid('Action', random.pick(levels)), resource: uid('Repository', random.below(size)), context: {} }));
  return { policies, entities, requests };
}

function tinytodo(size) {
  const random = new Random(size + 2000);
  const application = uid('Application', 'TinyTodo');
  const teams = (below) => range(below).filter(() => random.chance(kConnected)).map((i) => uid('Team', i));
  const onApplication = ['CreateList', 'GetLists'];
  const onList = ['GetList', 'UpdateList', 'DeleteList', 'CreateTask', 'UpdateTask', 'DeleteTask', 'EditShares'];
  const entities = [
    ...[...onApplication, ...onList].map((id) => entity('Action', id)),
    entity('Application', 'TinyTodo'),
    ...range(size).flatMap((i) => [
      entity('User', i, {}, [...teams(size), application]),
      entity('Team', i, {}, [...teams(i), application]),
      entity('List', i, {
        name: `list ${i}`,
        owner: reference('User', random.below(size)),
        readers: reference('Team', random.below(size)),
        editors: reference('Team', random.below(size)),
        tasks: range(random.below(51)).map((id) => ({ name: `task ${random.below(1000000)}`, id, state: random.pick(['Checked', 'Unchecked']) })),
      }, [application]),
    ]),
  ];
  const policies = `
    // Everybody makes lists and sees which they have.
    permit (principal, action in [Action::"CreateList", Action::"GetLists"], resource == Application::"TinyTodo");
    // The owner of a list does what they like with it.
    permit (principal, action, resource) when { resource has owner && resource.owner == principal };
    // Readers and editors see it.
    permit (principal, action == Action::"GetList", resource) when { principal in resource.readers || principal in resource.editors };
    // Editors change it and its tasks.
    permit (principal, action in [Action::"UpdateList", Action::"CreateTask", Action::"UpdateTask", Action::"DeleteTask"], resource)
    when { principal in resource.editors };`;
  const requests = requestsOf(() => {
    const action = random.pick([...onApplication, ...onList]);
    return { principal: uid('User', random.below(size)), action: uid('Action', action), resource: onApplication.includes(action) ? application : uid('List', random.below(size)), context: {} };
  });
  return { policies, entities, requests };
}

// `size` policies: five for all tools, one for most tools, and for every tenth a forbid on its arguments.
function gateway(size) {
  const random = new Random(size + 3000);
  const servers = 8;
  const effects = ['read', 'write', 'delete', 'execute', 'send', 'admin'];
  const common = [
    'forbid (principal, action in Action::"delete", resource) unless { context.approved };',
    'forbid (principal, action, resource) when { context has args.path && context.args.path like "*/.ssh/*" };',
    'forbid (principal, action in Action::"send", resource) when { context.flow.labels.contains("secret") };',
    'forbid (principal, action, resource) when { context.task.calls > 1000 };',
    'forbid (principal, action in [Action::"admin", Action::"execute"], resource) when { context.band >= 3 && !context.approved };',
  ];
  const tools = [];
  const policies = [...common];
  for (let i = 0; policies.length < size; ++i) {
    const tool = { server: `server${i % servers}`, action: `server${i % servers}/tool${i}`, effect: effects[i % effects.length] };
    tools.push(tool);
    policies.push(`permit (principal is Agent, action == Action::"${tool.action}", resource in Server::"${tool.server}") when { context.args.path like "/work/*" && context.band <= 2 };`);
    if (i % 10 === 9) policies.push(`forbid (principal, action == Action::"${tool.action}", resource) when { context.args has mode && context.args.mode > 511 };`);
  }
  const entities = [
    ...effects.map((id) => entity('Action', id)),
    ...tools.flatMap((tool) => [entity('Action', tool.action, {}, [uid('Action', tool.effect), uid('Action', 'mcp')]), entity('Tool', tool.action, {}, [uid('Server', tool.server)])]),
    entity('Action', 'mcp'),
    ...range(servers).map((i) => entity('Server', `server${i}`)),
    ...range(10).flatMap((i) => [entity('Human', i), entity('Agent', i, { owner: reference('Human', i), assurance: 2 }, [uid('Human', i)])]),
    ...tools.slice(0, 200).map((tool, i) => entity('File', `/work/src/file${i}.cpp`, { name: `file${i}.cpp` }, [uid('Tool', tool.action), uid('Folder', '/work/src'), uid('Folder', '/work')])),
  ];
  const files = Math.min(tools.length, 200);
  const requests = requestsOf(() => {
    const i = random.chance(0.8) ? random.below(files) : undefined;
    const tool = i === undefined ? random.pick(tools) : tools[i];
    return {
      principal: uid('Agent', random.below(10)),
      action: uid('Action', tool.action),
      resource: i === undefined ? uid('Tool', tool.action) : uid('File', `/work/src/file${i}.cpp`),
      context: {
        args: { path: random.pick(['/work/src/main.cpp', '/work/docs/readme.md', '/work/.ssh/id', '/etc/passwd']), content: 'int main() {}', mode: random.pick([420, 420, 1023]) },
        approved: random.chance(0.2),
        band: random.below(4),
        task: { calls: random.pick([3, 12, 70, 2000]), purpose: 'fix the build' },
        flow: { labels: random.pick([['user'], ['user', 'trusted'], ['user', 'untrusted', 'secret']]) },
        surface: 'mcp',
      },
    };
  });
  // Its policies read no entity but the request's own, so a request can bring its entities along, as a gate's requests do.
  return { policies: policies.join('\n'), entities, requests, sliced: true };
}

export const applications = { gdrive, github, tinytodo, gateway };
