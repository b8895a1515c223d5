// Records what lodash makes of lodash.yaml. To run it, where it stands:
//   npm install --no-save lodash@4.17.21 js-yaml@3.14.1 && node record.js
const fs = require('fs')
const yaml = require('js-yaml')
const template = require('lodash/template')

const { data, cases } = yaml.safeLoad(fs.readFileSync('lodash.yaml', 'utf8'))
const rendered = {}
for (const [name, text] of Object.entries(cases)) {
  rendered[name] = template(text, { imports: { yaml }, variable: 'data' })(data)
}
fs.writeFileSync('lodash.golden.json', JSON.stringify(rendered, null, 2) + '\n')
