// The control plane's routes about snapshots: making one of a running sandbox, and their list. A
// snapshot is a template like any other: it is used and deleted as one.
'use strict';

const { HttpError, json } = require('../answer');
const { parseJsonBody } = require('../create-request');
const { removeTree } = require('../state-directory');
const { DEFAULT_TAG, NAMESPACE, parseReference } = require('../template-reference');
const { page } = require('./query');

/** @returns {[method: string, path: string, op: string, run: Function][]} */
function snapshotRoutes(context) {
  return [
    ['POST', '/sandboxes/:id/snapshots', 'snapshot', (call) => create(context, call)],
    ['GET', '/snapshots', 'snapshots', (call) => list(context, call)],
  ];
}

async function create(context, call) {
  const { templates, transitions } = context;
  const { name = null } = parseJsonBody(call.body);
  if (name !== null && typeof name !== 'string') {
    throw new HttpError(400, 'validation error: property "name" must be a string');
  }
  const wanted = name === null ? null : parseReference(name);
  if (wanted && ![null, NAMESPACE].includes(wanted.namespace)) {
    throw new HttpError(400, `the namespace of a snapshot here is '${NAMESPACE}'`);
  }
  const sandbox = context.find(call);
  context.assertRunning(sandbox);
  const existing = wanted ? templates.find(wanted.name) : undefined;
  if (existing && existing.kind !== 'snapshot') {
    throw new HttpError(400, `'${wanted.name}' is the name of a template that is not a snapshot`);
  }
  const options = { alias: wanted?.name ?? null, kind: 'snapshot', sandboxId: sandbox.id };
  const entry = existing ?? templates.add(options);
  const { cpuCount, memoryMB, diskSizeMB, envVars, user, workdir, root, codeInterpreter, ...rest } =
    sandbox.template;
  const { startCmd, readyCmd } = rest;
  const image = {
    cpuCount,
    memoryMB,
    diskSizeMB,
    envVars,
    user,
    workdir,
    root,
    codeInterpreter,
    startCmd,
    readyCmd,
  };
  const build = templates.addBuild(entry, image);
  const layer = templates.newLayer(build.buildId);
  try {
    await transitions.snapshot(sandbox, layer);
  } catch (error) {
    templates.dropBuild(entry, build.buildId);
    await removeTree(layer);
    throw error;
  }
  templates.finish(build, { layers: sandbox.life.stack(layer) });
  templates.tag(entry, [wanted?.tag ?? DEFAULT_TAG], build.buildId);
  await templates.save();
  return json(201, snapshotInfo(entry, wanted?.tag ?? DEFAULT_TAG));
}

function list({ templates }, { query }) {
  const [sandboxId, name] = [query.get('sandboxID'), query.get('name')];
  const wanted = name ? parseReference(name) : null;
  const shown = templates
    .list('snapshot')
    .filter((entry) => !sandboxId || entry.sandboxId === sandboxId)
    .filter((entry) => !wanted || [entry.alias, entry.templateId].includes(wanted.name))
    .flatMap((entry) => [...entry.tags.keys()].map((tag) => snapshotInfo(entry, tag)))
    .filter(({ snapshotID }) => !wanted?.tag || snapshotID.endsWith(`:${wanted.tag}`));
  return page(
    shown.reverse(),
    query,
    ({ snapshotID }) => snapshotID,
    (info) => info,
  );
}

function snapshotInfo({ templateId, names }, tag) {
  const tagged = names.map((name) => `${name}:${tag}`);
  return { snapshotID: tagged[0] ?? `${templateId}:${tag}`, names: tagged };
}

module.exports = { snapshotRoutes };
