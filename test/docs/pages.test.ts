import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allOptions } from '../../agent/cli/invocation.ts';
import { renderHelp } from '../../agent/commands/help.ts';
import { COMMANDS } from '../../agent/commands/registry.ts';
import { loadConfiguration } from '../../agent/config/load.ts';
import { renderExample, renderReferencePage } from '../../agent/config/reference.ts';
import { SINKS } from '../../agent/export/sinks.ts';
import { ALONE } from '../../vitest.config.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const commands = await Promise.all([...COMMANDS.values()].map((load) => load()));

/** Loads a text as `flowlogd check` does, with every file that it names in place. */
function check(text: string): void {
  const textOf = (path: string) => (path.endsWith('headers') ? 'Authorization: Bearer content' : 'content');
  const readTextFile = (path: string) => ({ text: path === 'checked.yaml' ? text : textOf(path), mode: 0o600 });
  loadConfiguration({
    path: 'checked.yaml',
    environment: {},
    readTextFile,
    sinkKinds: SINKS,
    zstd: true,
    readNamedFiles: true,
  });
}

function filesUnder(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));
}

describe('the README', () => {
  test('has at most 200 lines', () => {
    expect(read('README.md').split('\n').length).toBeLessThanOrEqual(201);
  });

  test('lists exactly the registered commands with their summaries', () => {
    const rows = read('README.md').match(/^\| `flowlogd .*$/gm);
    expect(rows).toEqual(commands.map(({ name, summary }) => `| \`flowlogd ${name}\` | ${summary} |`));
  });

  test('shows a configuration that is valid', () => {
    const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(read('README.md')) ?? [];
    expect(yaml).toContain('flowLogs:');
    expect(() => check(yaml)).not.toThrow();
  });
});

describe.each(
  filesUnder('docs')
    .concat('README.md')
    .filter((path) => path.endsWith('.md')),
)('%s', (page) => {
  test('links to files that exist', () => {
    const folder = page.slice(0, page.lastIndexOf('/') + 1);
    const targets = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) => target);
    for (const target of targets) {
      const path = join(ROOT, folder, target);
      expect(() => readdirSync(path.endsWith('/') ? path : join(path, '..')), target).not.toThrow();
      if (!path.endsWith('/')) expect(() => readFileSync(path), target).not.toThrow();
    }
  });
});

describe('the reliability page', () => {
  test('names tests and scripts that exist, in every row', () => {
    const [, table = ''] = /## Faults\n(.*?)\n## /s.exec(read('docs/reliability.md')) ?? [];
    const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
    expect(rows.length).toBeGreaterThan(15);
    for (const row of rows.slice(1)) expect(row).toMatch(/`(?:npx|sh) |the same/);
    const files = [...table.matchAll(/(?:test|scripts)\/[\w./-]+\.(?:ts|sh)/g)].map(([path]) => path);
    for (const path of files) expect(existsSync(join(ROOT, path)), path).toBe(true);
    for (const [, project, path] of table.matchAll(/--project (\w+) (\S+\.ts)/g)) {
      expect(path!.startsWith('test/system/'), path).toBe(project === 'system');
      expect(ALONE, 'files of another project').not.toContain(path);
    }
  });
});

describe('every command', () => {
  test.each(commands.map((command) => [command.name, command] as const))(
    '%s has help with examples',
    (name, command) => {
      expect(command.examples.length).toBeGreaterThan(0);
      for (const { line, says } of command.examples) {
        expect(line).toContain(`flowlogd ${name}`);
        expect(says).not.toBe('');
      }
      const lines = renderHelp(command).split('\n');
      expect(lines[0]).toMatch(`Usage: flowlogd ${name}`);
      for (const option of allOptions(command)) expect(lines.join('\n')).toContain(`--${option.name}`);
      const examples = new Set(command.examples.map(({ line }) => `  ${line}`));
      for (const line of lines.filter((text) => !examples.has(text)))
        expect(line.length, line).toBeLessThanOrEqual(100);
    },
  );

  test.each(commands.map((command) => [command.name, command] as const))('%s is registered by its own name', (name) => {
    expect(COMMANDS.has(name)).toBe(true);
  });

  test.each(commands.map((command) => [command.name, command] as const))(
    '%s uses only its own options in examples',
    (name, command) => {
      const known = new Set(
        allOptions(command).flatMap(({ name: option, aliases = [], short = '?' }) => [
          ...[option, ...aliases].map((each) => `--${each}`),
          `-${short}`,
        ]),
      );
      for (const { line } of command.examples) {
        // Words between quotes, after a pipe or before the command are not its options.
        const [own = ''] = line
          .replace(/'[^']*'/g, '')
          .slice(line.indexOf(`flowlogd ${name}`))
          .split(/ -- | \| | > /);
        for (const [option] of own.matchAll(/(?<= )--?[a-z][a-z-]*/g))
          expect(known, `${option} in: ${line}`).toContain(option);
      }
    },
  );
});

describe('the configuration', () => {
  test('page is what the option table renders: npm run docs', () => {
    expect(read('docs/configuration.md')).toBe(renderReferencePage(SINKS));
  });

  test('reference is valid as it stands, and with every option set', () => {
    const example = renderExample(SINKS);
    expect(() => check(example)).not.toThrow();
    const set = example.replace(/^( *)#(?=[\w-])/gm, '$1');
    expect(set).not.toBe(example);
    // A key is either in the file or in a file of its own.
    const oneWay = set
      .replace(
        /^ +(?:(?:secretId|secretKey|token|secret|headersFile|proxyFile|urlFile): .*|keyFile: privacy-key)\n/gm,
        '',
      )
      .replace('[eth0, wg*]', '[eth0]');
    expect(() => check(oneWay)).not.toThrow();
  });

  test.each(filesUnder('docs/examples'))('%s is valid', (path) => {
    expect(() => check(read(path))).not.toThrow();
  });
});

describe('the dependencies', () => {
  test('have exactly one line each in docs/decisions/dependencies.md', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
    const named = ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((kind) =>
      Object.keys(manifest[kind] ?? {}),
    );
    const rows = [...read('docs/decisions/dependencies.md').matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
    expect(rows.toSorted()).toEqual(named.toSorted());
  });

  test('have each been looked at again, in the version that is locked', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { version?: string } & Record<string, Record<string, string>>>;
    };
    const named = ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((kind) =>
      Object.keys(packages['']?.[kind] ?? {}),
    );
    const rows = [...read('docs/decisions/dependencies.md').matchAll(/^\| ([@\w/-]+) \| (\d[\w.-]+) \|/gm)];
    const locked = named.map((name) => `${name} ${packages[`node_modules/${name}`]?.version?.replace(/-r\.\d+$/, '')}`);
    expect(rows.map(([, name, version]) => `${name} ${version}`).toSorted()).toEqual(locked.toSorted());
  });

  test('are locked for every platform, so that npm ci accepts the lock file anywhere', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { optionalDependencies?: object }>;
    };
    const optional = Object.entries(packages).flatMap(([at, { optionalDependencies = {} }]) =>
      at === '' ? [] : Object.keys(optionalDependencies),
    );
    expect(optional.length).toBeGreaterThan(10);
    for (const name of optional) expect(packages, name).toHaveProperty([`node_modules/${name}`]);
  });

  test('are locked without the address of any registry', () => {
    expect(read('package-lock.json')).not.toContain('"resolved"');
  });
});

describe('the sources', () => {
  const sources = ['agent', 'logservice', 'bench', 'test'].flatMap(filesUnder).filter((path) => path.endsWith('.ts'));

  test('have at most 500 lines a file in the agent', () => {
    const long = sources.filter((path) => path.startsWith('agent/') && read(path).split('\n').length > 501);
    expect(sources.length).toBeGreaterThan(50);
    expect(long).toEqual([]);
  });

  test('have no file that collects what belongs nowhere', () => {
    expect(sources.filter((path) => /\/(?:utils?|helpers?|common|misc|types|index)(?:\.ts|\/)/.test(path))).toEqual([]);
  });
});
