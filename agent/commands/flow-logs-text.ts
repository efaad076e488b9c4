/** Flow logs for people: a table of all of them, or everything about one. */
import type { FlowLogList, FlowLogView } from '../control/flow-log-view.ts';
import { utcText } from '../model/utc-text.ts';
import { type Column, layOut } from '../record/columns.ts';
import { visible } from '../terminal/visible-text.ts';

const COLUMNS: readonly Column<FlowLogView>[] = [
  { title: 'ID', stays: true, cell: ({ id }) => id },
  { title: 'NAME', shrinks: true, stays: true, cell: ({ name }) => name },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'INTERFACES', shrinks: true, cell: ({ interfaces }) => interfaces.join(',') },
  { title: 'TYPE', cell: ({ resourceType }) => resourceType },
  { title: 'TRAFFIC', cell: ({ trafficType }) => trafficType },
  { title: 'WINDOW', align: 'right', cell: ({ windowSeconds }) => `${windowSeconds} s` },
  { title: 'CREATED', cell: ({ createdSeconds }) => utcText(createdSeconds) },
];
const COLUMNS_MIN = 4;

/** Lines without a last line feed. @param width of the terminal */
export function formatFlowLogs({ flowLogs, refusals }: FlowLogList, width: number): string {
  const table = flowLogs.length === 0 ? ['No flow logs.'] : layOut(COLUMNS, flowLogs, width, COLUMNS_MIN);
  const remarks = flowLogs.flatMap((view) => view.remarks.map((remark) => `${view.id}: ${remark}`));
  const others = refusals
    .filter(({ flowLogId }) => flowLogs.every(({ id }) => id !== flowLogId))
    .map(({ flowLogId, message }) => `${flowLogId}: ${message}`);
  const sentences = [...remarks, ...others];
  return [...table, ...(sentences.length > 0 ? ['', ...sentences.map(visible)] : [])].join('\n');
}

export function formatFlowLog(view: FlowLogView): string {
  const readiness = view.readiness.message;
  const observed = view.observed.map(
    (one) => `${one.interface} (${one.interfaceId}), ${one.state}, ${one.records} records`,
  );
  const tags = Object.entries(view.tags).map(([key, value]) => `${key}=${value}`);
  const others = Object.entries(view.definition).filter(([name]) => !SHOWN.has(name));
  const rows: readonly (readonly [string, string])[] = [
    ['Flow log', `${view.id} (${view.name})`],
    ...(view.description === '' ? [] : [['Description', view.description] as const]),
    ['State', view.state],
    ['Records', readiness],
    ['Type', `${view.resourceType}, traffic ${view.trafficType}, windows of ${view.windowSeconds} s`],
    ['Interfaces', view.interfaces.join(', ')],
    ...observed.map((line) => ['Observes', line] as const),
    ...others.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const),
    ...(tags.length === 0 ? [] : [['Tags', tags.join(', ')] as const]),
    [
      'Created',
      `${utcText(view.createdSeconds)}, by ${view.origin === 'file' ? 'the configuration file' : 'a command'}`,
    ],
    ['Storage', view.storage],
    ...view.remarks.filter((remark) => !readiness.includes(remark)).map((remark) => ['Remark', remark] as const),
  ];
  return rows.map(([name, value]) => visible(`${name.padEnd(12)} ${value}`)).join('\n');
}

/** Options that have a line of their own. */
const SHOWN: ReadonlySet<string> = new Set(['interfaces', 'resourceType', 'trafficType', 'windowSeconds']);
