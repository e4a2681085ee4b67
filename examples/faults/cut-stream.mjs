// Does your code notice when the output of a command breaks off? The local E2B cuts the stream in the
// middle of a frame, as a proxy that restarts does. The command itself runs on.

import { Sandbox } from 'e2b';
import { startLocalBackend } from 'e2b-swarm/local';

const backend = await startLocalBackend();
Object.assign(process.env, backend.env);
const sandbox = await Sandbox.create();

// After the start and one piece of output; once.
backend.faults.add({ op: 'stream', n: 1, action: { type: 'cut', afterEvents: 2 } });

const command = 'echo one; read -r line; echo two > done.txt';
const heard = [];
const handle = await sandbox.commands.run(command, {
  background: true,
  stdin: true,
  onStdout: (text) => heard.push(text.trim()),
});
await handle.wait().catch((error) => console.log(`stream: ${error.message}`));
console.log(`heard before the cut: ${heard}`);

// The process lives: attach to it again by its pid, and let it end.
const [{ pid }] = await sandbox.commands.list();
const again = await sandbox.commands.connect(pid);
await sandbox.commands.sendStdin(pid, 'go on\n');
const { exitCode } = await again.wait();
console.log(
  `attached again: exit code ${exitCode}, wrote ${await sandbox.files.read('done.txt')}`.trim(),
);
console.log(`the fault struck ${backend.faults.hits.length} time`);
await backend.close();
