// The shapes in which the control plane shows sandboxes and templates. Pure.
'use strict';

const CLIENT_ID = '6532622b'; // a constant of the hosted service

/** The shape of create, connect, resume and fork. */
function sandboxSummary(sandbox, { envdVersion }) {
  return {
    templateID: sandbox.templateId,
    sandboxID: sandbox.id,
    ...aliasOf(sandbox),
    clientID: CLIENT_ID,
    envdVersion: sandbox.envdVersion ?? envdVersion,
    envdAccessToken: sandbox.token,
    trafficAccessToken: sandbox.trafficToken,
    domain: null,
  };
}

function listedSandbox(sandbox, { envdVersion }) {
  const { cpuCount, memoryMB, diskSizeMB } = sandbox.template;
  const { metadata } = sandbox;
  return {
    templateID: sandbox.templateId,
    ...aliasOf(sandbox),
    sandboxID: sandbox.id,
    clientID: CLIENT_ID,
    startedAt: new Date(sandbox.startedAt).toISOString(),
    endAt: new Date(sandbox.endAt).toISOString(),
    envdVersion: sandbox.envdVersion ?? envdVersion,
    ...{ cpuCount, memoryMB, diskSizeMB },
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    state: sandbox.state,
    volumeMounts: [],
  };
}

function sandboxDetail(sandbox, context) {
  const { allowInternetAccess, network, autoResume, autoPause } = sandbox.settings;
  return {
    ...listedSandbox(sandbox, context),
    envdAccessToken: sandbox.token,
    allowInternetAccess,
    domain: null,
    ...(network === null ? {} : { network }),
    lifecycle: { autoResume, onTimeout: autoPause ? 'pause' : 'kill' },
  };
}

/** A template as lists show it: with what its newest build says. */
function listedTemplate(entry, { envdVersion }) {
  const build = [...entry.builds.values()].at(-1);
  return {
    templateID: entry.templateId,
    buildID: build.buildId,
    ...{ cpuCount: build.cpuCount, memoryMB: build.memoryMB, diskSizeMB: build.diskSizeMB },
    public: entry.public,
    aliases: entry.alias === null ? [] : [entry.alias],
    names: entry.names,
    createdAt: entry.createdAt,
    updatedAt: entry.updatedAt,
    createdBy: null,
    lastSpawnedAt: entry.lastSpawnedAt,
    spawnCount: entry.spawnCount,
    buildCount: entry.builds.size,
    envdVersion,
    buildStatus: build.status,
  };
}

function templateBuild(build, { envdVersion }) {
  return {
    ...{ buildID: build.buildId, status: build.status },
    ...{ createdAt: build.createdAt, updatedAt: build.updatedAt },
    ...(build.finishedAt === null ? {} : { finishedAt: build.finishedAt }),
    ...{ cpuCount: build.cpuCount, memoryMB: build.memoryMB, diskSizeMB: build.diskSizeMB },
    envdVersion,
  };
}

function aliasOf({ template: { alias } }) {
  return alias === null ? {} : { alias };
}

module.exports = { listedSandbox, listedTemplate, sandboxDetail, sandboxSummary, templateBuild };
