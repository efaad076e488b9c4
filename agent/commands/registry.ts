import type { CommandTable } from '../cli/command.ts';

/**
 * Every sub-command, in the order of the help. A command's module is loaded only when it is asked for, so that `replay`
 * starts without the log service's database and `--help` without either.
 */
export const COMMANDS: CommandTable = new Map([
  ['run', async () => (await import('./run.ts')).run],
  ['debug', async () => (await import('./debug.ts')).debug],
  ['replay', async () => (await import('./replay.ts')).replay],
  ['explain', async () => (await import('./explain.ts')).explain],
  ['check', async () => (await import('./check.ts')).check],
  ['config', async () => (await import('./config.ts')).config],
  ['observe', async () => (await import('./observe.ts')).observe],
  ['status', async () => (await import('./status.ts')).status],
  ['flow-logs', async () => (await import('./flow-logs.ts')).flowLogs],
  ['spool', async () => (await import('./spool.ts')).spool],
  ['query', async () => (await import('./query.ts')).query],
  ['analyse', async () => (await import('./analyse.ts')).analyse],
  ['findings', async () => (await import('./findings.ts')).findings],
  ['logservice', async () => (await import('./logservice.ts')).logservice],
  ['interfaces', async () => (await import('./interfaces.ts')).interfaces],
  ['help', async () => (await import('./help.ts')).createHelp(COMMANDS)],
]);
