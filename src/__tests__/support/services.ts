/** The connection, as far as the client looks at it; `requests` is what went over it. */
export const requests: { url: string; init: RequestInit }[] = [];
let answers: (IAnswer | Error)[] = [];

interface IAnswer {
  status: number;
  body: unknown;
}

/** Answer the requests to come. */
export function answerRequests(...next: (IAnswer | Error)[]): void {
  requests.length = 0;
  answers = next;
}

/** The WebSockets that were opened. */
export const sockets: FakeSocket[] = [];

class FakeSocket {
  constructor(readonly url: string) {
    sockets.push(this);
  }

  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  readonly close = jest.fn();
}

export const ServerConnection = {
  makeSettings: () => ({
    appendToken: true,
    baseUrl: 'http://localhost/base/',
    token: 'secret',
    WebSocket: FakeSocket,
    wsUrl: 'ws://localhost/base/'
  }),
  makeRequest: async (url: string, init: RequestInit) => {
    requests.push({ url, init });
    const answer = answers.shift();
    if (answer instanceof Error || answer === undefined) {
      throw answer ?? new Error('nobody said what to answer');
    }
    const { status, body } = answer;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return { ok: status < 400, status, text: async () => text };
  }
};
