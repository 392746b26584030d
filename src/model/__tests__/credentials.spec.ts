import { FakeClient, refusal, settle, vended } from '../../__tests__/support/client';
import type { ConfigInfo, VendedCredentials } from '../../api/generated';
import {
  CredentialsModel,
  MASK,
  firstTarget,
  formatLeft,
  maskSnippet,
  uploadCaution,
  uploadTargets
} from '../credentials';

const FOLDER = '/data/customer-ada/';

/** A model with a clock that the test moves. */
function setUp() {
  const client = new FakeClient();
  const clock = { now: 1_000_000 };
  const model = new CredentialsModel({ client, folder: FOLDER, now: () => clock.now });
  return { client, clock, model };
}

/** What is left of a secret in a state. */
const text = (model: CredentialsModel) => JSON.stringify(model.state);

describe('credentials', () => {
  it('are asked for with the folder and the lifetime that were chosen', async () => {
    const { client, model } = setUp();
    model.setFolder('/data/shared/');
    model.setSeconds(900);
    await model.request();
    expect(client.vendCredentials.mock.calls[0]![0]).toEqual({
      path: '/data/shared/',
      access: 'upload',
      seconds: 900
    });
    expect(model.state.phase).toBe('ready');
    expect(model.state.vended?.scope).toBe('/data/shared/');
  });

  it('live for an hour unless another time is chosen', async () => {
    const { client, model } = setUp();
    await model.request();
    expect(client.vendCredentials.mock.calls[0]![0].seconds).toBe(3600);
  });

  it.each([
    [12 * 3600, [900, 1800, 3600, 4 * 3600, 8 * 3600, 12 * 3600]],
    [3600, [900, 1800, 3600]],
    [7200, [900, 1800, 3600, 7200]],
    [5430, [900, 1800, 3600, 5400]],
    [900, [900]]
  ])('are offered for %d seconds at most, where the server says so', async (most, offered) => {
    const { client, model } = setUp();
    client.credentialsLimits.mockResolvedValueOnce({ maxSeconds: most });
    await model.load();
    expect(model.state.lifetimes).toEqual(offered);
    expect(model.state.seconds).toBe(Math.min(3600, offered[offered.length - 1]!));
  });

  it('are offered for an hour at most until the server says more, and when it does not', async () => {
    const { client, model } = setUp();
    expect(model.state.lifetimes).toEqual([900, 1800, 3600]);
    client.credentialsLimits.mockRejectedValueOnce(refusal('store-unavailable', 503, 'Away.'));
    await model.load();
    expect(model.state.lifetimes).toEqual([900, 1800, 3600]);
    expect(model.state.error).toBeNull();
  });

  it('stay, when it is found out later how long others may live', async () => {
    const { model } = setUp();
    await model.request();
    await model.load();
    expect(model.state.phase).toBe('ready');
    expect(text(model)).toContain('se/cret');
  });

  it('expire by what the server says is left, whatever this clock says', async () => {
    const { clock, model } = setUp();
    await model.request();
    expect(model.state.expiresAt).toBe(clock.now + 3_600_000);
    clock.now += 3_599_000;
    model.tick();
    expect(model.state.phase).toBe('ready');
    clock.now += 1000;
    model.tick();
    expect(model.state.phase).toBe('expired');
    expect(text(model)).not.toContain('se/cret');
  });

  it.each([
    ['another folder', (model: CredentialsModel) => model.setFolder('/data/shared/')],
    ['another lifetime', (model: CredentialsModel) => model.setSeconds(900)],
    ['the end of the dialog', (model: CredentialsModel) => model.dispose()]
  ])('are let go at %s', async (_, act) => {
    const { model } = setUp();
    await model.request();
    expect(text(model)).toContain('se/cret');
    act(model);
    expect(text(model)).not.toContain('se/cret');
  });

  it('that arrive after the dialog was closed are dropped, and their request aborted', async () => {
    const { client, model } = setUp();
    let arrive: (found: VendedCredentials) => void = () => {};
    client.vendCredentials.mockImplementation(() => new Promise(resolve => (arrive = resolve)));
    const asked = model.request();
    expect(model.state.phase).toBe('requesting');
    model.dispose();
    expect(client.vendCredentials.mock.calls[0]![1]!.aborted).toBe(true);
    arrive(vended(FOLDER, 900));
    await asked;
    await settle();
    expect(model.state.vended).toBeNull();
  });

  it('of an earlier request do not take the place of a later one', async () => {
    const { client, model } = setUp();
    const arrivals: ((found: VendedCredentials) => void)[] = [];
    client.vendCredentials.mockImplementation(() => new Promise(resolve => arrivals.push(resolve)));
    const first = model.request();
    model.setFolder('/data/shared/');
    const second = model.request();
    arrivals[1]!(vended('/data/shared/', 900));
    arrivals[0]!(vended(FOLDER, 900));
    await Promise.all([first, second]);
    expect(model.state.vended?.scope).toBe('/data/shared/');
  });

  it('that are refused leave the reason, until something else is asked', async () => {
    const { client, model } = setUp();
    client.vendCredentials.mockRejectedValueOnce(refusal('not-supported', 501, 'No STS.'));
    await model.request();
    expect(model.state.phase).toBe('asking');
    expect(model.state.error?.message).toBe('No STS.');
    await model.request();
    expect(model.state.error).toBeNull();
  });
});

describe('the targets', () => {
  const cautions: ConfigInfo['cautions'] = {
    '/spark-logs/': 'Spark!',
    '/data/shared/': 'Everybody!'
  };
  const writable = [FOLDER, '/data/shared/', '/spark-logs/'];
  const config = { writable, cautions } as ConfigInfo;

  it.each([
    ['/', FOLDER, 3],
    ['/data/', FOLDER, 3],
    ['/data/shared/', '/data/shared/', 3],
    ['/data/shared/a/b/', '/data/shared/a/b/', 4],
    ['/notebooks/', FOLDER, 3]
  ])('at %s begin with %s', (shown, first, count) => {
    const targets = uploadTargets(config, shown);
    expect(targets).toHaveLength(count);
    expect(firstTarget(targets, shown)).toBe(first);
  });

  it('have the caution of the area that they lie in', () => {
    expect(uploadCaution(config, '/spark-logs/app/')).toBe('Spark!');
    expect(uploadCaution(config, '/data/shared/')).toBe('Everybody!');
    expect(uploadCaution(config, FOLDER)).toBeNull();
  });
});

describe('what is shown', () => {
  it.each([
    [0, '00:00'],
    [-5000, '00:00'],
    [1, '00:01'],
    [59_000, '00:59'],
    [3_599_000, '59:59'],
    [3_600_000, '1:00:00'],
    [43_199_500, '12:00:00']
  ])('%d ms are left as %s', (left, shown) => {
    expect(formatLeft(left)).toBe(shown);
  });

  it('hides every secret of a snippet, however it is quoted, and nothing else', () => {
    const shown = maskSnippet(
      [
        '[wherobots]',
        'aws_access_key_id = ASIA',
        'aws_secret_access_key = a=b',
        'aws_session_token = t',
        'region = eu-west-1',
        `export AWS_SECRET_ACCESS_KEY='it'"'"'s'`,
        ' export AWS_SESSION_TOKEN=t',
        "$env:AWS_SESSION_TOKEN = 'it''s'",
        "$env:AWS_REGION = 'eu-west-1'"
      ].join('\n')
    );
    expect(shown.split('\n')).toEqual([
      '[wherobots]',
      `aws_access_key_id = ${MASK}`,
      `aws_secret_access_key = ${MASK}`,
      `aws_session_token = ${MASK}`,
      'region = eu-west-1',
      `export AWS_SECRET_ACCESS_KEY=${MASK}`,
      ` export AWS_SESSION_TOKEN=${MASK}`,
      `$env:AWS_SESSION_TOKEN = ${MASK}`,
      "$env:AWS_REGION = 'eu-west-1'"
    ]);
  });
});
