'use strict';

// The users' actions with leases: these methods reject, with an E2bError, and keep their deadlines.

const DEADLINE_SLACK_MS = 1000;

async function withLease(user, lease) {
  const { random } = user;
  for (let i = random.whole(0, 3); i > 0; i--) {
    const what = random.weighted({ execute: 4, renew: 1, nothing: 2 });
    if (what === 'execute') {
      await user.call('lease.execute', () => lease.execute('true'), { mayReject: true });
    } else if (what === 'renew') {
      await user.call('lease.renew', () => lease.renew(), { mayReject: true });
    }
    await user.pause(random.between(0, 2000));
  }
}

function optionsOf(user) {
  const { random } = user;
  return {
    timeoutMs: random.pick([1000, 5000, 20_000]),
    priority: random.pick([0, 0, 1]),
    owner: random.pick([null, 'ada', 'bob']),
    signal: user.signal(),
  };
}

async function acquire(user) {
  const { manager, process, random, world } = user;
  const options = optionsOf(user);
  const limitMs = options.timeoutMs + DEADLINE_SLACK_MS;
  const lease = await user.call('acquire', () => manager.acquire(user.spec(), options), {
    limitMs,
    mayReject: true,
  });
  if (lease === null) return;
  const holder = { name: user.name, process, sandboxId: lease.sandboxId };
  world.invariants.hold(holder);
  await withLease(user, lease);
  if (random.chance(0.05)) return;
  world.invariants.letGo(holder);
  const recycle = random.chance(0.5);
  await user.call('lease.release', () => lease.release({ recycle }), { mayReject: true });
}

async function use(user) {
  const { manager, process, world } = user;
  const fn = async (lease) => {
    const holder = { name: user.name, process, sandboxId: lease.sandboxId };
    world.invariants.hold(holder);
    await withLease(user, lease);
    world.invariants.letGo(holder);
  };
  const options = { ...optionsOf(user), recycle: user.random.chance(0.5) };
  await user.call('use', () => manager.use(user.spec(), fn, options), { mayReject: true });
}

async function reconcile(user) {
  const dryRun = user.random.chance(0.2);
  await user.call('reconcile', () => user.manager.reconcile({ dryRun }), { mayReject: true });
}

module.exports = { LEASE_ACTIONS: { acquire, use, reconcile } };
