// Scenarios: what a sandbox may reach, who may reach it, and what is refused because it would not be
// enforced.
'use strict';

const SERVER = `python3 -c "
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (self.path + ' ' + self.headers['Host']).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
s = http.server.HTTPServer(('127.0.0.1', 0), H)
print(s.server_address[1], flush=True)
s.serve_forever()"`;

/** Starts a web server in a sandbox. @returns {Promise<number>} its port */
async function serve(client, t, box) {
  const handle = t.let(await client.start(box, SERVER));
  await t.waitFor(() => handle.stdout().includes('\n'));
  return Number(handle.stdout());
}

module.exports = [
  {
    op: 'network.internet',
    name: 'is kept from a sandbox, or the wish is refused',
    async run(client, t) {
      const created = t.box({ internet: false });
      if (t.rung === 'none') return t.failure(created);
      const { stdout } = await client.run(
        await created,
        'cat /proc/net/dev | tail -n +3 | cut -d: -f1',
      );
      return stdout.trim();
    },
    expected: { none: 'invalid', else: 'lo' },
    byRung: true,
  },
  {
    op: 'network.update',
    name: 'is given and taken while it runs, or the wish is refused',
    needs: ['network.update'],
    async run(client, t) {
      const box = await t.box();
      await client.setNetwork(box, { internet: true });
      if (t.rung === 'none') return t.failure(client.setNetwork(box, { internet: false }));
      await client.setNetwork(box, { internet: false });
      return (await client.run(box, 'tail -n +3 /proc/net/dev | cut -d: -f1')).stdout.trim();
    },
    expected: { none: 'invalid', else: 'lo' },
    byRung: true,
  },
  {
    op: 'network.update',
    name: 'is given back where there is a way back, or the wish is refused',
    needs: ['network.update'],
    async run(client, t) {
      const box = await t.box({ internet: t.rung === 'none' ? undefined : false });
      const network = async () => (await client.run(box, 'readlink /proc/self/ns/net')).stdout;
      const before = await network();
      const kind = await client.setNetwork(box, { internet: true }).then(() => null, client.kindOf);
      return [kind, (await network()) === before];
    },
    expected: { none: [null, true], user: ['invalid', true], else: [null, false] },
    byRung: true,
  },
  {
    op: 'network.rules',
    name: 'single addresses are refused, never accepted in silence',
    needs: ['create.network'],
    async run(client, t) {
      const kinds = [];
      for (const network of [
        { denyOut: ['1.1.1.1/32'] },
        { allowOut: ['8.8.8.8'], denyOut: ['0.0.0.0/0'] },
        { allowOut: ['example.com'] },
      ]) {
        kinds.push(await t.failure(client.create({ network })));
      }
      return kinds;
    },
    expected: ['invalid', 'invalid', 'invalid'],
  },
  {
    op: 'network.rules',
    name: 'transforms and a proxy are refused too',
    needs: ['create.network.rules'],
    async run(client, t) {
      const transform = { headers: { A: 'b' } };
      const kinds = [];
      for (const network of [
        { rules: { 'example.com': [{ transform }] } },
        { httpsPorts: [3000] },
        { egressProxy: { address: 'proxy.example.com:1080' } },
      ]) {
        kinds.push(await t.failure(client.create({ network })));
      }
      return kinds;
    },
    expected: ['invalid', 'invalid', 'refused'],
  },
  {
    op: 'network.traffic-token',
    name: 'keeps strangers from the ports of a sandbox',
    needs: ['create.network'],
    async run(client, t) {
      const box = await t.box({ network: { allowPublicTraffic: false } });
      const port = await serve(client, t, box);
      const token = client.trafficToken(box);
      const statuses = [];
      for (const one of [undefined, 'wrong', token]) {
        const headers = one === undefined ? {} : { 'e2b-traffic-access-token': one };
        statuses.push((await t.fetchPort(client, box, port, '/', headers)).status);
      }
      return statuses;
    },
    expected: [403, 403, 200],
  },
  {
    op: 'network.traffic-token',
    name: 'comes with a connection too, and there is none where all may pass',
    needs: ['create.network'],
    async run(client, t) {
      const box = await t.box({ network: { allowPublicTraffic: false } });
      const again = await client.connect(box);
      const open = await t.box({ network: { allowPublicTraffic: true } });
      return [client.trafficToken(again) === client.trafficToken(box), client.trafficToken(open)];
    },
    expected: [true, null],
  },
  {
    op: 'network.mask-request-host',
    name: 'hides the host name from the program',
    needs: ['create.network'],
    async run(client, t) {
      const box = await t.box({ network: { maskRequestHost: 'hidden:${PORT}' } }); // eslint-disable-line no-template-curly-in-string
      const port = await serve(client, t, box);
      const text = await (await t.fetchPort(client, box, port, '/x')).text();
      return text === `/x hidden:${port}`;
    },
    expected: true,
  },
  {
    op: 'sandbox.host',
    name: 'reaches a port of a sandbox, and tells when nothing listens there',
    async run(client, t) {
      const box = await t.box();
      const port = await serve(client, t, box);
      const text = await (await t.fetchPort(client, box, port, '/path?q=1')).text();
      const closed = await t.fetchPort(client, box, 1, '/');
      const { message } = await closed.json();
      return [text.split(' ')[0], closed.status, message];
    },
    expected: ['/path?q=1', 502, 'The sandbox is running but port is not open'],
  },
  {
    op: 'sandbox.host',
    name: 'is a host name of the port and the sandbox',
    modes: ['domain'],
    async run(client, t) {
      const box = await t.box();
      const url = await client.hostUrl(box, 3000);
      return new URL(url).hostname === `3000-${box.id}.${t.domain.split(':')[0]}`;
    },
    expected: true,
  },
];
