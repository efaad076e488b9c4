import { request } from 'node:http';
import { join } from 'node:path';

/** What an agent answers over its control socket; undefined while nobody answers there. */
export function askAgent<Answer>(stateFolder: string, path: string): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const asking = request({ socketPath: join(stateFolder, 'control.sock'), path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(JSON.parse(body) as Answer));
    });
    asking.on('error', () => resolve(undefined));
    asking.end();
  });
}
