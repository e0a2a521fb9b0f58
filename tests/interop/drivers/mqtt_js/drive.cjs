// MQTT.js, over TCP or WebSocket: see ../orders.py.
const fs = require('fs')
const readline = require('readline')
const mqtt = require('mqtt')

const settings = JSON.parse(process.argv[2])
const links = new Map()
const say = (event, more) => process.stdout.write(`${JSON.stringify({ event, ...more })}\n`)
const fail = (what) => {
  console.error(what)
  process.exit(1)
}

const names = {
  content_type: 'contentType',
  response_topic: 'responseTopic',
  expiry: 'messageExpiryInterval'
}

// MQTT.js has an object for the user properties: the values of one name are in order, names among each other are not.
const forMessage = (said) => {
  const found = {}
  for (const [name, theirs] of Object.entries(names)) if (name in said) found[theirs] = said[name]
  if ('payload_format' in said) found.payloadFormatIndicator = said.payload_format === 1
  if ('correlation_data' in said) found.correlationData = Buffer.from(said.correlation_data, 'base64')
  if ('user' in said) {
    found.userProperties = {}
    for (const [name, value] of said.user) (found.userProperties[name] ??= []).push(value)
  }
  return found
}

const ofMessage = (properties = {}) => {
  const found = {}
  for (const [name, theirs] of Object.entries(names)) if (theirs in properties) found[name] = properties[theirs]
  if ('payloadFormatIndicator' in properties) found.payload_format = properties.payloadFormatIndicator ? 1 : 0
  if ('correlationData' in properties) found.correlation_data = properties.correlationData.toString('base64')
  if ('userProperties' in properties) {
    found.user = Object.entries(properties.userProperties).flatMap(([name, values]) => [values].flat().map((value) => [name, value]))
  }
  if ('subscriptionIdentifier' in properties) found.identifiers = [properties.subscriptionIdentifier].flat()
  return found
}

const connect = (order) => {
  const { link, level, will } = order
  const scheme = settings.path === null ? 'mqtts' : 'wss'
  const client = mqtt.connect(`${scheme}://${settings.host}:${settings.port}${settings.path ?? ''}`, {
    protocolVersion: level,
    clientId: order.client_id,
    clean: order.clean,
    ca: fs.readFileSync(settings.root),
    cert: fs.readFileSync(settings.chain),
    key: fs.readFileSync(settings.key),
    reconnectPeriod: 0,
    ...(level === 5 && { properties: { sessionExpiryInterval: order.expiry } }),
    ...(will && {
      will: {
        topic: will.topic,
        payload: Buffer.from(will.payload, 'base64'),
        qos: will.qos,
        retain: will.retain,
        ...(level === 5 && { properties: forMessage(will.properties) })
      }
    })
  })
  links.set(link, { client, level })
  client.on('error', (error) => fail(error.message))
  client.on('connect', (packet) => say('connected', { link, code: packet.returnCode ?? packet.reasonCode, session_present: packet.sessionPresent }))
  client.on('message', (topic, payload, packet) => {
    const { qos, retain } = packet
    say('message', { link, topic, payload: payload.toString('base64'), qos, retain, properties: ofMessage(packet.properties) })
  })
}

const subscribe = ({ link, filter, qos, identifier, as_published: rap }) => {
  const { client, level } = links.get(link)
  const options = level === 5 ? { qos, rap, ...(identifier !== null && { properties: { subscriptionIdentifier: identifier } }) } : { qos }
  client.subscribe(filter, options, (error) => (error ? fail(error.message) : say('subscribed', { link })))
}

const publish = ({ link, qos, messages }) => {
  const { client, level } = links.get(link)
  let left = messages.length
  for (const { topic, payload, retain, properties } of messages) {
    const options = { qos, retain, ...(level === 5 && { properties: forMessage(properties) }) }
    client.publish(topic, Buffer.from(payload, 'base64'), options, (error) => {
      if (error) fail(error.message)
      left -= 1
      if (left === 0) say('published', { link })
    })
  }
}

const disconnect = ({ link }) => {
  links.get(link).client.end(false, {}, () => say('disconnected', { link }))
  links.delete(link)
}

const orders = { connect, subscribe, publish, disconnect }
say('ready', { version: `${require('mqtt/package.json').version} (node ${process.versions.node})` })
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line)
  orders[order.do](order)
}).on('close', () => process.exit(0))
