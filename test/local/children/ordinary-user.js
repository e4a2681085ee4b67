// A program with a local backend on the rung of its argument, perhaps with a state directory; prints as
// JSON what it saw. Run as an ordinary user, or where files lie otherwise, by its tests.
'use strict';

const { startLocalBackend } = require('../../../lib/local');
const { Client } = require('../../unit/local/client');

const basic = (user) => ({
  authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}`,
});

/** What is run in the sandbox, by the name under which its output is told. */
const LINES = {
  user: ['id -un; id -u; echo $HOME'],
  root: ['id -un; id -u', 'root'],
  sudo: ['sudo id -u; sudo -u user id -un'],
  written: ['echo x > /tmp/f && cat /tmp/f; echo y > ~/g && cat ~/g'],
  processes: ['ps -e --no-headers | wc -l'],
  ownership: ['touch ~/mine; stat -c %U ~/mine /etc/passwd'],
  script: ['echo "echo ran" > ~/script; chmod +x ~/script; ~/script'],
  login: ['bash -l -c "node -p 1+1"'],
};

async function main(isolation, stateDir) {
  const said = [];
  const log = (line) => said.push(line);
  const backend = await startLocalBackend({ isolation, log, ...(stateDir ? { stateDir } : {}) });
  const client = new Client(backend);
  const sandbox = await client.create();
  const seen = { uid: process.getuid(), isolation: backend.isolation, said };
  for (const [name, [line, user = 'user']] of Object.entries(LINES)) {
    const { stdout, stderr } = await client.run(sandbox, line, { headers: basic(user) });
    seen[name] = (stdout + stderr).trim();
  }
  const stat = { path: '/home/user/mine' };
  const { json } = await client.unary(sandbox, '/filesystem.Filesystem/Stat', stat);
  seen.entry = json.entry;
  const upload = await client.envd(sandbox, 'POST', '/files?path=up&username=root', {
    ...{ body: 'z', headers: { 'content-type': 'application/octet-stream' } },
  });
  seen.upload = upload.json;
  seen.metrics = (await client.envd(sandbox, 'GET', '/metrics')).status;
  seen.left = (await backend.close()).left;
  console.log(JSON.stringify(seen));
}

void main(...process.argv.slice(2));
