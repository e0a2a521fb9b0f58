// MQTT.js over secure WebSocket: subscribe to a topic, publish payloads of the given sizes, compare what comes back.
// node mqtt_js.cjs '{"url", "ca", "cert", "key", "version", "qos", "topic", "sizes"}'; prints {"received", "mismatches"}.
const fs = require('fs')
const path = require('path')
const mqtt = require(require.resolve('mqtt', { paths: [process.cwd()] }))

const task = JSON.parse(process.argv[2])
const payload = (size, number) => Buffer.alloc(size, String.fromCharCode(65 + (number % 26)))
const sent = task.sizes.map(payload)
const report = { received: 0, mismatches: 0 }

const client = mqtt.connect(task.url, {
  protocolVersion: task.version,
  ca: fs.readFileSync(task.ca),
  cert: fs.readFileSync(task.cert),
  key: fs.readFileSync(task.key),
  clientId: `mqtt-js-${task.version}-${task.qos}`,
  reconnectPeriod: 0
})

const fail = (what) => {
  console.error(what)
  process.exit(1)
}

client.on('error', (error) => fail(error.message))
client.on('message', (topic, message, packet) => {
  const expected = sent[report.received]
  if (topic !== task.topic || packet.qos !== task.qos || !message.equals(expected)) report.mismatches += 1
  report.received += 1
  if (report.received === sent.length) {
    client.end(false, {}, () => {
      console.log(JSON.stringify(report))
      process.exit(0)
    })
  }
})
client.on('connect', () => {
  client.subscribe(task.topic, { qos: task.qos }, (error, granted) => {
    if (error || granted[0].qos !== task.qos) fail(`subscribe: ${error}`)
    sent.forEach((each) => client.publish(task.topic, each, { qos: task.qos }))
  })
})
setTimeout(() => fail(`${JSON.stringify(report)} after 25 seconds`), 25000)
