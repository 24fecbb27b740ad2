"""Sentences about a person, put together at random from ways to tell each property."""

from phrasing import contains_held_out, fill, quoted

# property: verb phrases ! appositions, which stand beside the name ! what "her ... is" calls it
_TEXT = """
age: is {v} years old|is aged {v}|is {v} years of age|turned {v}|just turned {v}|will stay {v} until next spring|is {v}|became {v} in May|is already {v}|is only {v}|has turned {v}|is a {v} year old|is currently {v} years old|says to be {v} years old|has lived for {v} years|counts {v} years|will be {v} this year|made it to {v}|got older and is {v} by now|had a party and turned {v}|is all of {v} years|feels young at {v}|looks good for {v}|became {v} years old yesterday!{v}|aged {v}|{v} years old|age {v}|{v} years of age|a {v} year old!age
city: lives in {v}|comes from {v}|is from {v}|moved to {v}|is based in {v}|stays in {v}|resides in {v}|was born in {v}|works from {v}|calls {v} home|spends the year in {v}|has a flat in {v}|rents a flat in {v}|hails from {v}|is at home in {v}|went to live in {v}|has always lived in {v}|is a resident of {v}|went to school in {v}|spent a life in {v}|landed in {v}|found a place in {v}|stayed on in {v}|is a child of {v}|runs a shop in {v}|retired to {v}|ended up in {v}|pays rent in {v}|bought a house in {v}|sends greetings from {v}!from {v}|living in {v}|based in {v}|a native of {v}|born in {v}!city|home town|place
job: works as a {v}|is a {v}|has a job as a {v}|earns money as a {v}|became a {v}|is a {v} by profession|found work as a {v}|has been a {v} for years|serves as a {v}|is working as a {v}|started as a {v}|acts as a {v}|is a well known {v}|was hired as a {v}|would call it the job of a {v}|is paid as a {v}|makes money as a {v}|studied to be a {v}|qualified as a {v}|spends the day as a {v}|is known as a {v}|retired as a {v}|has always been a {v}|applied as a {v}|was a {v} before|wants to be a {v}|was promoted to {v}|gets up early as a {v}!a {v}|the {v}|working as a {v}|a {v} by trade|our {v}|a good {v}!job|profession|work
company: works at {v}|works for {v}|is employed by {v}|is employed at {v}|has a job at {v}|was hired by {v}|is with {v}|earns money at {v}|is an employee of {v}|started at {v}|spends the day at {v}|represents {v}|is part of the team at {v}|has a contract with {v}|got a job with {v}|belongs to {v}|signed with {v}|is paid by {v}|went to {v}|is a manager at {v}|sits in an office of {v}|moved over to {v}|has been with {v} for years|is on the payroll of {v}|speaks for {v}|sells things for {v}|found work with {v}!from the company {v}|with {v}|employed by {v}!company|employer
quantity: ordered {v} pieces|bought {v} of them|needs {v} units|wants {v} of them|requested {v} pieces|needs {v} pieces|got {v} of them|reserved {v} pieces|paid for {v} units|gets {v} pieces|is waiting for {v} pieces|purchased {v} units|would buy {v} of them|expects {v} units|carries {v} pieces|ordered a total of {v}|put in for {v} pieces|takes home {v} of them|is after {v} pieces|would like {v} of them|has room for {v}|signed for {v} pieces|can use {v} of them|settled on {v} pieces|asks for no less than {v}|picked up {v} of them|loaded {v} pieces!ordering {v} pieces|with an order of {v} pieces|in need of {v} units!quantity
product: wants a {v}|bought a {v}|ordered a {v}|is looking for a {v}|needs a {v}|purchased a {v}|wishes for a {v}|is interested in a {v}|requested a {v}|would buy a {v}|is waiting for a {v}|asked about a {v}|got a {v}|chose a {v}|has to have a {v}|searches for a {v}|paid for a {v}|thinks of a {v}|would love a {v}|dreams of a {v}|took a {v}|went for a {v}|came for a {v}|put down money for a {v}|could use a {v}|left with a {v}|carried away a {v}|sent for a {v}|saved up for a {v}|came home with a {v}!looking for a {v}|in need of a {v}|waiting for a {v}!product
price: paid {v} dollars|spent {v} euros|was charged {v}|paid {v}|paid {v} euros|spent {v} dollars|paid a price of {v}|got it for {v} dollars|had it for {v} euros|bought it for {v}|paid exactly {v}|offered {v} dollars|was asked to pay {v}|owes {v} dollars|agreed on {v} euros|left {v} dollars|handed over {v} dollars|parted with {v} euros|laid down {v} dollars|transferred {v} euros|invested {v}|put {v} dollars into it|let it cost {v}|saved up {v} dollars|is poorer by {v} dollars|counted out {v} euros|signed a bill of {v} dollars|lost {v} euros on it!paying {v} dollars|for {v} euros|charged {v}!price
color: likes {v}|prefers the color {v}|chose {v}|loves {v}|prefers {v}|wants it in {v}|picked {v}|favours {v}|likes the color {v}|is a lover of {v}|decided on {v}|asked for {v}|likes everything in {v}|would take {v}|has everything in {v}|likes {v} best|is crazy about {v}|dresses in {v}|cannot stand any color but {v}|has a weakness for {v}|went with {v}|finds {v} pretty|always takes {v}|swears by {v}|looks best in {v}|is all for {v}|sees the world in {v}!a lover of {v}|dressed in {v}|all in {v}!color|favourite color
email: can be reached at {v}|has the email {v}|uses {v}|reads mail at {v}|gets mail at {v}|receives mail at {v}|has the address {v}|can be contacted at {v}|can be mailed at {v}|is reachable via {v}|left the address {v}|signed up with {v}|replies from {v}|gave {v} as address|has an account at {v}|prefers mail to {v}|sends mail from {v}|logs in with {v}|gets letters at {v}|can be written to at {v}|prefers {v}|goes by {v} online|answers from {v}|mails from {v}|listed {v}|keeps {v} as address|wants replies at {v}|asks for mail to {v}!{v}|email {v}|reachable at {v}|({v})!email|mail address|email address
pet: has a {v}|owns a {v}|keeps a {v}|has a {v} at home|bought a {v}|loves a {v}|adopted a {v}|walks a {v}|feeds a {v}|got a {v}|has had a {v} for years|shares the flat with a {v}|has a little {v}|looks after a {v}|is the owner of a {v}|found a {v}|came with a {v}|plays with a {v}|talks about a {v}|never leaves without a {v}|shares a bed with a {v}|cannot be without a {v}|brushes a {v}|rescued a {v}|goes out with a {v}|is followed by a {v}|spoils a {v}|was given a {v}!with a {v}|owner of a {v}|who has a {v}!pet|animal
day: comes on {v}|arrives on {v}|is free on {v}|visits us on {v}|is here on {v}|leaves on {v}|has an appointment on {v}|works only on {v}|returns on {v}|can come on {v}|is available on {v}|shows up on {v}|starts on {v}|calls on {v}|drops by on {v}|prefers to meet on {v}|can make it on {v}|turns up on {v}|has nothing to do on {v}|keeps {v} free|is around on {v}|is off work on {v}|is expected on {v}|suggested {v}|said {v} would be fine|would rather come on {v}|gets here on {v}|stays at home on {v}!free on {v}|here on {v}|expected on {v}!day|free day
height: is {v} cm tall|measures {v} cm|is {v} centimeters tall|is {v} cm|reaches {v} cm|is exactly {v} cm tall|grew to {v} cm|is about {v} cm tall|measures {v} centimeters|is said to be {v} cm tall|is all of {v} cm|was measured at {v} cm|has grown to {v} cm|comes to {v} cm|shot up to {v} cm|is {v} cm from head to toe|stopped growing at {v} cm|stretches {v} cm|towers at {v} cm|looks down from {v} cm|made it to {v} cm|counts {v} cm!{v} cm tall|{v} cm|measuring {v} cm|at {v} cm!height|body height
children: has {v} children|has {v} kids|is mother of {v} children|is father of {v}|brought up {v} children|cares for {v} children|is at home with {v} kids|has got {v} children|feeds {v} kids|looks after {v} children|takes {v} children to school|is proud of {v} children|lives with {v} children|is the mother of {v} kids|gave birth to {v} children|has {v} little ones|has {v} at home|drives {v} kids around|puts {v} kids to bed|has a family with {v} children|is blessed with {v} children|cooks for {v} children|has {v} sons and daughters!with {v} children|with {v} kids|mother of {v}|father of {v}!number of children
friend: knows {v}|is a friend of {v}|met {v}|likes {v}|is close to {v}|went to school with {v}|plays cards with {v}|often calls {v}|is friends with {v}|has a friend called {v}|shares secrets with {v}|grew fond of {v}|trusts {v}|has a best friend, {v}|has known {v} for years|visits {v}|spends time with {v}|hangs out with {v}|grew up with {v}|lives next to {v}|owes a favour to {v}|is married to {v}|talks to {v} daily|has lunch with {v}|travels with {v}|adores {v}|is close with {v}|sits next to {v}|was introduced to {v}|got to know {v}|shares an office with {v}!a friend of {v}|friends with {v}!friend|best friend
date: was born on {v}|arrived on {v}|signed on {v}|came on {v}|started on {v}|left on {v}|moved here on {v}|registered on {v}|signed up on {v}|joined us on {v}|got married on {v}|began on {v}|was registered on {v}|called on {v}|wrote to us on {v}|visited us on {v}|came into the world on {v}|opened an account on {v}|took office on {v}|was seen on {v}|showed up on {v}|passed the exam on {v}|checked in on {v}|was signed up on {v}|entered the list on {v}|became a member on {v}|turned up on {v}|has an anniversary on {v}!born on {v}|registered on {v}|here since {v}!date
"""


def _parse():
    table = {}
    for line in _TEXT.strip().split("\n"):
        key, rest = line.split(": ", 1)
        verbs, beside, names = (part.split("|") for part in rest.split("!"))
        usable = [way for way in verbs if not contains_held_out(way)]
        table[key] = usable, beside, names
    return table


WAYS = _parse()
_OPENINGS = """This is {n}|Meet {n}|Here is {n}|I know {n}|Let me tell you about {n}|You may know {n}|I met {n}|We have a new client: {n}
My neighbour is {n}|Her name is {n}|His name is {n}|The name is {n}|Someone named {n}|Our visitor is called {n}
Name: {n}|There is someone called {n}|I talked to {n}|A note on {n}|Today I saw {n}|We welcome {n}|Say hello to {n}""".replace(
    "\n", "|"
).split("|")
_LINKS = (" and ", ", and ", ", ", "; ", " and also ", ", also ", ", who ", " and ", " but ", ", plus ")
_ADVERBS = ("", "", "", "", "", "", "also ", "currently ", "really ", "apparently ", "actually ", "now ", "probably ")


def about(source, name, values):
    """A text that gives the name and every value."""
    keys = list(values)
    source.random.shuffle(keys)
    beside, told = [], []
    for key in keys:
        (beside if len(beside) < 3 and source.chance(0.28) else told).append(key)
    said = {key: quoted(source, v, 0.05) if isinstance(v, str) else v for key, v in values.items()}
    appositions = [fill(source.choice(WAYS[key][1]), v=said[key]) for key in beside]
    she = source.choice(("She", "He", "This person", name, name.split()[-1]))
    text = name
    if appositions:
        text += ", " + ", ".join(appositions)
    if not told:
        opening = source.choice(_OPENINGS).format(n=text) if source.chance(0.6) else text
        return opening + source.choice((".", "", "!"))
    if source.chance(0.3):
        sentences = [source.choice(_OPENINGS).format(n=text)]
    elif source.chance(0.12):  # the first property before the name
        key = told.pop(0)
        aside = source.choice(WAYS[key][1])
        sentences = [f"{fill(aside, v=said[key]).capitalize() if isinstance(said[key], int) else fill(aside, v=said[key])}: {text}"]
    else:
        sentences = [f"{text}{',' if appositions else ''} {_verb(source, told.pop(0), said)}"]
        while told and source.chance(0.45):
            sentences[-1] += source.choice(_LINKS[:-2]) + _verb(source, told.pop(0), said)
    for index, key in enumerate(told):
        if index and source.chance(0.3):
            sentences[-1] += source.choice((" and ", ", ", " and also ")) + _verb(source, key, said)
        elif source.chance(0.2):
            whose = source.choice((f"{name}'s", "Her", "His", "The"))
            sign = source.choice((" is", " is", ":", " -", " is, I think,", " should be", " is now"))
            sentences.append(f"{whose} {source.choice(WAYS[key][2])}{sign} {said[key]}")
        else:
            sentences.append(f"{she} {_verb(source, key, said)}")
    return source.choice((". ", ". ", ". ", "; ", "\n", ".\n")).join(sentences) + source.choice((".", ".", ".", "", "!"))


def _verb(source, key, said):
    way = source.choice(WAYS[key][0])
    adverb = source.choice(_ADVERBS)
    while contains_held_out(adverb + way):
        adverb = ""
    return adverb + fill(way, v=said[key])
