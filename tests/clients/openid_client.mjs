// openid-client at work. It asks on standard output for what only a browser can do, one JSON object a line, and reads
// the answer from standard input; its last line is what it learnt, for the test to judge.
import { webcrypto } from 'node:crypto'
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

// npm keeps its packages outside the source tree, where an import by name would not find them.
const packages = createRequire(process.argv[2])
const client = await import(pathToFileURL(packages.resolve('openid-client')))

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)
const ask = async (question) => {
  say(question)
  return read()
}

const privateKey = async ({ alg, kid, ...jwk }) => ({
  kid,
  key: await webcrypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']),
})

const authentication = async ({ method, secret, key }) => {
  switch (method) {
    case 'client_secret_basic':
      return client.ClientSecretBasic(secret)
    case 'client_secret_post':
      return client.ClientSecretPost(secret)
    case 'private_key_jwt':
      return client.PrivateKeyJwt(await privateKey(key))
    default:
      return client.None()
  }
}

const discover = async (task) => {
  const server = new URL(task.issuer)
  const config = task.initial_access_token
    ? await client.dynamicClientRegistration(server, task.metadata, undefined, {
        initialAccessToken: task.initial_access_token,
      })
    : await client.discovery(server, task.client_id, task.metadata, await authentication(task))
  client.enableNonRepudiationChecks(config)
  return config
}

// Returns the OAuth error code that `refused` ends with, or null when nothing was refused.
const refusal = async (refused) => {
  try {
    await refused
    return null
  } catch (error) {
    return error.error ?? error.cause?.[0]?.parameters?.error ?? String(error)
  }
}

const received = ({ url, body }) =>
  body === null || body === undefined
    ? new URL(url)
    : new Request(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })

const authorizationUrl = async (config, task, parameters, options) => {
  if (task.request_object) return client.buildAuthorizationUrlWithJAR(config, parameters, await privateKey(task.key))
  if (task.pushed) return client.buildAuthorizationUrlWithPAR(config, parameters, options)
  return client.buildAuthorizationUrl(config, parameters)
}

// From the request to the tokens; `more` are parameters of the request.
const signIn = async (config, task, options, more = {}) => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const url = await authorizationUrl(
    config,
    task,
    {
      redirect_uri: task.redirect_uri,
      scope: task.scope,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
      nonce: expectedNonce,
      ...(task.response_mode ? { response_mode: task.response_mode } : {}),
      ...more,
    },
    options,
  )
  const by_form = task.response_mode === 'form_post'
  const answer = await ask({ open: url.href, until: task.redirect_uri, by_form })
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
  return client.authorizationCodeGrant(config, received(answer), checks, undefined, options)
}

const SCENARIOS = {
  // The whole life of a sign-in, from discovery to logout.
  async code(task) {
    const config = await discover(task)
    const options = task.dpop ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) } : {}
    const tokens = await signIn(config, task, options)
    const claims = tokens.claims()
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub, options)

    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options)
    const again = await client.fetchUserInfo(config, refreshed.access_token, claims.sub, options)
    const refreshToken = refreshed.refresh_token ?? tokens.refresh_token

    await client.tokenRevocation(config, refreshed.access_token)
    const accessRevoked = await refusal(client.fetchUserInfo(config, refreshed.access_token, claims.sub, options))
    await client.tokenRevocation(config, refreshToken, { token_type_hint: 'refresh_token' })
    const refreshRevoked = await refusal(client.refreshTokenGrant(config, refreshToken, undefined, options))

    const silent = await signIn(config, task, options, { prompt: 'none' })
    const logout = client.buildEndSessionUrl(config, {
      id_token_hint: silent.id_token,
      post_logout_redirect_uri: task.post_logout_redirect_uri,
      state: 'after logout',
    })
    const landed = await ask({ open: logout.href, until: task.post_logout_redirect_uri })
    return {
      tokens,
      claims,
      userinfo,
      refreshed: { ...refreshed, claims: refreshed.claims() },
      again,
      accessRevoked,
      refreshRevoked,
      silent: silent.claims(),
      landed: landed.url,
      afterwards: await refusal(signIn(config, task, options, { prompt: 'none' })),
    }
  },

  // A registry's own program, which asks what a token is worth that somebody came with.
  async machine(task) {
    const config = await discover(task)
    const tokens = await client.clientCredentialsGrant(config, { scope: 'introspection' })
    return { tokens, introspected: await client.tokenIntrospection(config, task.token) }
  },

  // A command line without a browser.
  async device(task) {
    const config = await discover(task)
    const device = await client.initiateDeviceAuthorization(config, { scope: task.scope, resource: task.resource })
    await ask({ device })
    // It has been decided by now: there is no reason to wait before the first poll.
    const tokens = await client.pollDeviceAuthorizationGrant(config, { ...device, interval: 0 })
    const claims = tokens.claims()
    return { tokens, claims }
  },
}

const task = await read()
say({ learnt: await SCENARIOS[task.scenario](task) })
process.exit(0)
