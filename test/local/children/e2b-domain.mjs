// The unmodified official client in domain mode: it finds everything by E2B_DOMAIN and by names.
// Prints what it found as JSON.
import { Sandbox } from 'e2b';

const sandbox = await Sandbox.create({ envs: { GREETING: 'hallo' } });
const found = { id: sandbox.sandboxId };
found.stdout = (await sandbox.commands.run('echo $GREETING')).stdout;
await sandbox.files.write('a.txt', 'text');
found.text = await sandbox.files.read('a.txt');
const signed = await sandbox.downloadUrl('a.txt', { useSignatureExpiration: 60 });
found.signed = await (await fetch(signed)).text();

const program =
  "const s = require('node:http').createServer((q, r) => r.end(q.headers.host));" +
  "s.listen(0, '127.0.0.1', () => console.log(s.address().port))";
const port = await new Promise((onStdout, fail) => {
  sandbox.commands.run(`node -e "${program}"`, { background: true, onStdout }).catch(fail);
});
const host = sandbox.getHost(Number(port));
found.host = host;
found.answered = await (await fetch(`https://${host}/`)).text();

const handle = await sandbox.commands.run('sleep 100', { background: true });
const waiting = handle.wait().catch((error) => error.message);
const other = await Sandbox.create();
const living = await other.commands.run('sleep 0.2; echo alive', { background: true });
await sandbox.kill();
found.killed = await waiting;
found.neighbour = (await living.wait()).stdout;
found.running = await sandbox.isRunning();
await other.kill();
console.log(JSON.stringify(found));
