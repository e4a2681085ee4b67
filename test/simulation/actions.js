'use strict';

// The users' actions with the methods that answer result objects: they must never reject.

/** Uses a sandbox that one holds: commands, now and then an agent. */
async function work(user, holder) {
  const { manager, random } = user;
  for (let i = random.whole(0, 3); i > 0; i--) {
    const id = holder.sandboxId;
    if (random.chance(0.2)) {
      await user.call('deployAgent', () => manager.deployAgent(id, 'momentum', ['SPX'], {}));
    } else {
      await user.call('executeStrategy', () =>
        manager.executeStrategy(id, 'check', { command: 'true' }, { signal: user.signal() }),
      );
    }
    await user.pause(random.between(0, 2000));
  }
}

async function create(user) {
  const { manager } = user;
  const options = { signal: user.signal() };
  await user.call('createTradingSandbox', () => manager.createTradingSandbox(user.spec(), options));
}

async function take(user) {
  const { manager, random, process, world } = user;
  const options = { signal: user.signal() };
  const taken = await user.call('getOrCreateSandbox', () =>
    manager.getOrCreateSandbox(user.spec(), options),
  );
  if (!taken?.success) return;
  const holder = { name: user.name, process, sandboxId: taken.sandboxId };
  world.invariants.hold(holder);
  await work(user, holder);
  if (random.chance(0.05)) return; // never gives it back
  const { sandboxId } = holder;
  world.invariants.letGo(holder);
  await user.call('releaseSandbox', () => manager.releaseSandbox(sandboxId));
}

async function scaleUp(user) {
  const { manager, random } = user;
  const options = { signal: user.signal() };
  const target = random.whole(1, 9);
  await user.call('scaleUp', () => manager.scaleUp(target, user.spec(), options));
}

async function cleanup(user) {
  await user.call('cleanup', () => user.manager.cleanup());
}

async function look(user) {
  await user.call('monitorHealth', () => user.manager.monitorHealth());
}

function configure(user) {
  const { world, random } = user;
  const maxPoolSize = random.whole(2, 8);
  world.trace.add('world', `maxPoolSize is now ${maxPoolSize}`);
  world.invariants.maximumChanged();
  world.profile.config.maxPoolSize = maxPoolSize;
  for (const { manager } of world.live()) manager.config.maxPoolSize = maxPoolSize;
}

module.exports = { OLD_ACTIONS: { create, take, scaleUp, cleanup, look, configure } };
