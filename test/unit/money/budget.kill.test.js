'use strict';

// lib/money/budget.js over a store on disk, and a kill -9 of the manager between reserve and settle.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { systemClock } = require('../../../lib/clock');
const { Budget, resolveBudget } = require('../../../lib/money/budget');
const { fileStore } = require('../../../lib/store');

const CHILD = path.join(__dirname, 'children', 'reserve.js');

test('what a killed manager had reserved is still held, is settled once, and then spent', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-budget-'));
  const file = path.join(folder, 'store');
  try {
    for (const token of ['first', 'second']) {
      const child = spawn(process.execPath, [CHILD, file, token], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const store = fileStore(file);
    await store.open();
    const budget = new Budget(resolveBudget({ daily: 5, hardStop: true }), {
      clock: systemClock,
      read: () => store.note('fleet', 'budget'),
      write: (version, value) => store.putNote('fleet', 'budget', version, value),
    });
    await expect(budget.reserve('third', 2)).rejects.toMatchObject({ code: 'BUDGET' });
    const held = await budget.reservations();
    expect(held.map(({ token, amount }) => [token, amount])).toEqual([
      ['first', 2],
      ['second', 2],
    ]);
    expect(await budget.settle('first', 0.5)).toBe(true);
    expect(await budget.settle('first', 0.5)).toBe(false);
    expect(await budget.settle('second', 0)).toBe(true);
    expect((await budget.state()).total).toMatchObject({ spent: 0.5, reserved: 0 });
    await store.close();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
