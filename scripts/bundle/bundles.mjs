/**
 * What is bundled. Each bundle has an entry among the sources, and a path in dist/ that is run: a few lines which choose the bundle.
 *
 * `commands` are those that the bundle has of the command's table. `runs` are the command lines whose code is kept beside the bundle,
 * in the folder of sample.mjs; they read nothing else and change nothing.
 */

export const COMMAND = { entry: 'agent/main.ts', path: 'agent/main.js' };

/** Of the command: the first has what is no command, the overview and the version among it. */
export const COMMAND_BUNDLES = [
  { name: 'words', commands: ['help'], runs: [['--version'], ['--help'], ['help', 'run']] },
  {
    name: 'offline',
    commands: ['replay', 'explain'],
    runs: [
      ['replay', 'sample.pcap'],
      ['replay', '--format', 'text', '-o', '/dev/null', 'sample.pcap'],
      ['replay', '--help'],
      ['explain', '--packet', '1', 'sample.pcap'],
    ],
  },
  { name: 'debug', commands: ['debug'], runs: [['debug', '--help']] },
  {
    name: 'agent',
    commands: ['run', 'check', 'config'],
    runs: [
      ['check', '--config', 'sample.yaml'],
      ['config', '--config', 'sample.yaml'],
      ['run', '--help'],
    ],
  },
  {
    name: 'clients',
    commands: ['status', 'flow-logs', 'spool', 'interfaces'],
    runs: [['status', '--socket', 'none'], ['flow-logs', 'list', '--socket', 'none'], ['interfaces']],
  },
  {
    name: 'searches',
    commands: ['observe', 'query', 'analyse', 'findings', 'logservice'],
    runs: [
      ['observe', '--help'],
      ['query', '--help'],
      ['analyse', '--help'],
      ['findings', '--help'],
      ['logservice', '--help'],
    ],
  },
];

/** Of threads and processes, each of which is asked for by its path. */
export const OTHER_BUNDLES = [
  {
    name: 'data-plane-thread',
    entry: 'agent/threads/data-plane-thread.ts',
    path: 'agent/threads/data-plane-thread.js',
  },
  { name: 'recorder-thread', entry: 'agent/threads/recorder-thread.ts', path: 'agent/threads/recorder-thread.js' },
  { name: 'logservice', entry: 'logservice/main.ts', path: 'logservice/main.js' },
  { name: 'search-worker', entry: 'logservice/search/search-worker.ts', path: 'logservice/search/search-worker.js' },
];
