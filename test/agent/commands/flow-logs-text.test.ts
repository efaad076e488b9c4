import { describe, expect, test } from 'vitest';
import { formatFlowLog, formatFlowLogs } from '../../../agent/commands/flow-logs-text.ts';
import type { FlowLogView } from '../../../agent/control/flow-log-view.ts';

const VIEW: FlowLogView = {
  id: 'fl-4kd02xq9',
  name: 'web',
  description: '',
  tags: {},
  enabled: true,
  state: 'capturing',
  origin: 'command',
  createdSeconds: 1_700_000_000,
  resourceType: 'NETWORKINTERFACE',
  trafficType: 'ALL',
  windowSeconds: 60,
  interfaces: ['eth0'],
  definition: { interfaces: ['eth0'], windowSeconds: 60 },
  observed: [{ interface: 'eth0', interfaceId: 'if-1', state: 'capturing', records: 3 }],
  storage: 'CLS topic t',
  readiness: { state: 'ready', message: 'They arrive.' },
  sinks: [{ name: 'cls', storage: 'CLS topic t', readiness: { state: 'ready', message: 'They arrive.' } }],
  remarks: [],
};

describe('flow logs for people', () => {
  test('are a table, with what is wrong below it', () => {
    const other = { ...VIEW, id: 'fl-other000', state: 'waiting' as const, remarks: ['Nothing is there.'] };
    const refusals = [
      { flowLogId: 'fl-other000', code: 'flow-log.refused' as const, message: 'Nothing is there.' },
      { flowLogId: 'fl-new00000', code: 'flow-log.refused' as const, message: 'It cannot be.' },
    ];
    const list = { schema: 1 as const, flowLogs: [VIEW, other], refusals };
    expect(formatFlowLogs(list, Number.POSITIVE_INFINITY).split('\n')).toEqual([
      'ID           NAME  STATE      INTERFACES  TYPE              TRAFFIC  WINDOW  CREATED',
      'fl-4kd02xq9  web   capturing  eth0        NETWORKINTERFACE  ALL        60 s  2023-11-14 22:13:20Z',
      'fl-other000  web   waiting    eth0        NETWORKINTERFACE  ALL        60 s  2023-11-14 22:13:20Z',
      '',
      'fl-other000: Nothing is there.',
      'fl-new00000: It cannot be.',
    ]);
    for (const line of formatFlowLogs(list, 60).split('\n')) expect(line.length).toBeLessThanOrEqual(60);
    expect(formatFlowLogs({ ...list, flowLogs: [], refusals: [] }, 80)).toBe('No flow logs.');
  });

  test('are everything about one, each thing once', () => {
    expect(formatFlowLog(VIEW).split('\n')).toEqual([
      'Flow log     fl-4kd02xq9 (web)',
      'State        capturing',
      'Records      They arrive.',
      'Type         NETWORKINTERFACE, traffic ALL, windows of 60 s',
      'Interfaces   eth0',
      'Observes     eth0 (if-1), capturing, 3 records',
      'Created      2023-11-14 22:13:20Z, by a command',
      'Storage      CLS topic t',
    ]);
    const more: FlowLogView = {
      ...VIEW,
      description: 'the shop',
      tags: { env: 'test', team: 'web' },
      origin: 'file',
      definition: { ...VIEW.definition, accountId: '0123', fields: ['version'] },
      readiness: { state: 'waiting', message: 'It waits: it is gone.' },
      remarks: ['it is gone.', 'The file wants another window.'],
    };
    expect(formatFlowLog(more).split('\n')).toEqual(
      expect.arrayContaining([
        'Description  the shop',
        'accountId    0123',
        'fields       ["version"]',
        'Tags         env=test, team=web',
        'Created      2023-11-14 22:13:20Z, by the configuration file',
        'Remark       The file wants another window.',
      ]),
    );
    expect(formatFlowLog(more)).not.toContain('Remark       it is gone.');
  });
});
