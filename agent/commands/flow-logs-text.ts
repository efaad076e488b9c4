/** Flow logs for people: a table of all of them, or everything about one. */
import type { FlowLogList, FlowLogView } from '../flow-log-view.ts';

/** Lines without a last line feed. */
export function formatFlowLogs({ flowLogs, refusals }: FlowLogList): string {
  const heading = ['ID', 'NAME', 'STATE', 'TYPE', 'TRAFFIC', 'WINDOW', 'INTERFACES', 'CREATED'];
  const rows = flowLogs.map((view) => [
    view.id,
    view.name,
    view.state,
    view.resourceType,
    view.trafficType,
    `${view.windowSeconds} s`,
    view.interfaces.join(','),
    timeText(view.createdSeconds),
  ]);
  const table = flowLogs.length === 0 ? ['There is no such flow log.'] : columns([heading, ...rows]);
  const troubled = flowLogs.flatMap(({ id, remarks }) => remarks.map((remark) => `${id}: ${remark}`));
  const others = refusals
    .filter(({ flowLogId }) => flowLogs.every(({ id }) => id !== flowLogId))
    .map(({ flowLogId, message }) => `${flowLogId}: ${message}`);
  const sentences = [...troubled, ...others];
  return [...table, ...(sentences.length > 0 ? ['', ...sentences] : [])].join('\n');
}

export function formatFlowLog(view: FlowLogView): string {
  const observed = view.observed.map(
    (one) => `${one.interface} (${one.interfaceId}), ${one.state}, ${one.records} records`,
  );
  const tags = Object.entries(view.tags).map(([key, value]) => `${key}=${value}`);
  const others = Object.entries(view.definition).filter(([name]) => !SHOWN.has(name));
  const rows: readonly (readonly [string, string])[] = [
    ['Flow log', `${view.id} (${view.name})`],
    ...(view.description === '' ? [] : [['Description', view.description] as const]),
    ['State', view.state],
    ['Records', view.readiness.message],
    ['Type', `${view.resourceType}, traffic ${view.trafficType}, windows of ${view.windowSeconds} s`],
    ['Interfaces', view.interfaces.join(', ')],
    ...observed.map((line) => ['Observes', line] as const),
    ...others.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const),
    ...(tags.length === 0 ? [] : [['Tags', tags.join(', ')] as const]),
    [
      'Created',
      `${timeText(view.createdSeconds)}, by ${view.origin === 'file' ? 'the configuration file' : 'a command'}`,
    ],
    ['Storage', view.storage],
    ...view.remarks.map((remark) => ['Remark', remark] as const),
  ];
  return rows.map(([name, value]) => `${name.padEnd(12)} ${value}`).join('\n');
}

/** Options that have a line of their own. */
const SHOWN: ReadonlySet<string> = new Set(['interfaces', 'resourceType', 'trafficType', 'windowSeconds']);

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

function timeText(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
