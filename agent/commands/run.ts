import { dirname } from 'node:path';
import type { Command, Invocation } from '../cli/command.ts';
import { NO_WASM_OPTION } from '../cli/wasm-option.ts';
import type { Loaded } from '../config/load.ts';
import { HangUps } from '../daemon/hang-ups.ts';
import { areMoved } from '../flow-logs/storage.ts';

/** Where records go is among them. */
const SINK_OPTIONS = /^(?:sinks|cls)\./;

export const run: Command = {
  name: 'run',
  summary: 'Run the agent: capture, aggregate, ship to a log service.',
  usage: '[--config FILE]',
  description:
    'With --config, runs as a service: ships to the log service of the configuration and logs JSON lines to ' +
    'standard error.\n\nWithout --config, runs everything, with built-in defaults: observes the default interface and loopback with windows of ' +
    '10 s, starts the embedded log service, stores everything in .flowlogd in the current folder, and prints the ' +
    'largest flows of every window. Ctrl-C shuts down gracefully and flushes the last window.',
  options: [
    {
      name: 'config',
      short: 'c',
      value: 'FILE',
      description: 'Configuration file (YAML); see flowlogd config --reference.',
    },
    NO_WASM_OPTION,
  ],
  examples: [
    { line: 'flowlogd run', says: 'Run with built-in defaults and the embedded log service.' },
    { line: 'flowlogd run --config /etc/flowlogd/flowlogd.yaml', says: 'Run as a service.' },
  ],
  async run(invocation) {
    const path = invocation.string('config');
    const noWasm = invocation.flag('no-wasm');
    const hangUps = path === undefined ? undefined : new HangUps(invocation);
    const loaded = await loadInSandbox(path, invocation);
    const [{ loadOnHost }, { changedOptions }, { desired, planConfigured, planEmbedded }, { runEmbedded, runService }] =
      await Promise.all([
        import('./host-configuration.ts'),
        import('../config/changes.ts'),
        import('./plan.ts'),
        import('../daemon/run.ts'),
      ]);
    const { configuration, warnings } = loaded;
    for (const warning of warnings) invocation.stderr.writeMessage(warning);
    if (path === undefined || hangUps === undefined)
      return runEmbedded(invocation, { ...planEmbedded(configuration), noWasm });
    const telemetry = { level: configuration.log.level, listen: configuration.telemetry.listen, configPath: path };
    const readAgain = () => {
      const now = loadOnHost(path, invocation.env);
      const wanted = desired(now.configuration);
      // A restart is refused with another storage, so nobody is asked for one.
      const hasMoved = areMoved(desired(configuration).storages, wanted.storages);
      const restartFor = changedOptions(loaded, now).filter(
        (option) => !option.startsWith('flowLogs[') && !(hasMoved && SINK_OPTIONS.test(option)),
      );
      return { restartFor, ...wanted };
    };
    return runService(invocation, { ...planConfigured(loaded), noWasm }, telemetry, { hangUps, readAgain });
  },
};

/** Imports no more than that takes: of an agent with too many capabilities the program starts again here. */
async function loadInSandbox(path: string | undefined, { env }: Invocation): Promise<Loaded> {
  const [
    { loadOnHost },
    { embedded },
    { storedFlowLogs },
    { enterSandbox },
    { folderOfFiles, namedFilePaths },
    { runtimeFolder },
    { refuseSecondAgent },
    { refuseForeignState },
  ] = await Promise.all([
    import('./host-configuration.ts'),
    import('./embedded-folder.ts'),
    import('./flow-log-resolver.ts'),
    import('../sandbox/privileges.ts'),
    import('../config/named-files.ts'),
    import('../control/control-socket.ts'),
    import('./second-agent.ts'),
    import('../daemon/state-folder.ts'),
  ]);
  const loaded = path === undefined ? embedded(loadOnHost(path, env)) : loadOnHost(path, env);
  const { flowLogs, sinks, stateDirectory, table, user } = loaded.configuration;
  // Before root hands the state over: it may be that of a running agent, or lie behind another user's link.
  await refuseSecondAgent(stateDirectory, env);
  refuseForeignState(stateDirectory);
  enterSandbox([...flowLogs, ...storedFlowLogs(stateDirectory)], {
    user,
    folders: [stateDirectory, ...(table.directory === undefined ? [] : [table.directory])],
    shared: sinks.flatMap(({ writes = [] }) => writes),
    files: [
      ...(path === undefined ? [] : [path]),
      ...namedFilePaths(loaded.settings, folderOfFiles(env, dirname(path ?? '.'))),
    ],
    runtimeFolder: runtimeFolder(env),
  });
  return loaded;
}
