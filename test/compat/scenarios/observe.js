// Scenarios: what is known of a sandbox's load and of what it did.
'use strict';

const NUMBERS = [
  ...['cpuCount', 'cpuUsedPct', 'memUsed', 'memTotal', 'memCache', 'diskUsed', 'diskTotal'],
];

module.exports = [
  {
    op: 'sandbox.metrics',
    name: 'are numbers that fit together',
    async run(client, t) {
      const box = await t.box();
      const metrics = await t.waitFor(async () => {
        const found = await client.metrics(box);
        return found.length > 0 && found;
      });
      const [{ memUsed, memTotal, diskUsed, diskTotal }] = metrics;
      const numbers = NUMBERS.every((name) => typeof metrics[0][name] === 'number');
      return [numbers, memUsed < memTotal, diskUsed < diskTotal];
    },
    expected: [true, true, true],
  },
  {
    op: 'sandbox.logs',
    name: 'tell what the daemon did, and not what programs print',
    needs: ['logs'],
    async run(client, t) {
      const box = await t.box();
      await client.run(box, 'echo secret-output');
      const entries = await client.logs(box);
      const printed = JSON.stringify(entries.map(({ message }) => message)).includes('secret');
      return [entries.map(({ message, level }) => `${level} ${message}`), printed];
    },
    expected: [['info Process started', 'info Process ended'], false],
  },
  {
    op: 'sandbox.metrics',
    name: 'there are none of a time before',
    async run(client, t) {
      const range = {
        start: new Date('2026-01-01T00:00:00Z'),
        end: new Date('2026-01-01T00:05:00Z'),
      };
      return client.metrics(await t.box(), range);
    },
    expected: [],
  },
];
