"""Everyday functions put together at random, and requests that give their values without naming the fields."""

from dialogue import Field, Function
from phrasing import (
    ENDINGS,
    LEAD_INS,
    capital,
    field_phrase,
    finished,
    ing,
    lead_in,
    new,
    quoted,
    request,
    values_marked,
)
from values import value_of_kind
from words import Texts

_VERBS = """book|book reserve;order|order;plan|plan prepare;estimate|estimate guess;find|find locate;search|search for,look for
show|show,show me,display;get|get,give me,fetch;check|check inspect;schedule|schedule;reserve|reserve book
buy|buy purchase;sell|sell;rent|rent;borrow|borrow;lend|lend;cancel|cancel,call off;create|create make;add|add
remove|remove,take away;delete|delete erase;update|update change;send|send dispatch;request|request,ask for;compare|compare
calculate|calculate,work out,compute;convert|convert;translate|translate;read|read,read out;open|open;close|close shut
start|start begin;stop|stop end;pause|pause;resume|resume;play|play;record|record;print|print;download|download;backup|back up
share|share;copy|copy;move|move;rename|rename;archive|archive;export|export;import|import;sync|sync synchronize;verify|verify
validate|validate;count|count;measure|measure;track|track follow;monitor|monitor,keep an eye on;predict|predict forecast
recommend|recommend suggest;suggest|suggest propose;rank|rank;filter|filter;sort|sort;join|join;leave|leave;call|call
notify|notify inform;remind|remind;assign|assign;transfer|transfer;pay|pay;charge|charge;refund|refund;collect|collect,pick up
return|return,bring back;exchange|exchange;extend|extend prolong;postpone|postpone,put off;confirm|confirm;reject|reject decline
register|register;activate|activate,switch on;disable|disable,switch off;clean|clean;fix|fix mend;build|build;design|design
test|test,try out;review|review;summarize|summarize,sum up;describe|describe;explain|explain;draw|draw;cook|cook;serve|serve
feed|feed;visit|visit;lock|lock;unlock|unlock;load|load;save|save store;attach|attach;print|print,print out;dim|dim
claim|claim;insure|insure;hold|hold;split|split divide;log|log,write down;quote|quote;announce|announce;answer|answer"""
VERBS = {}
for _entry in _VERBS.replace("\n", ";").split(";"):
    _name, _words = _entry.split("|")
    _words = _words.split(",") if "," in _words else _words.split()
    VERBS[_name] = [word.replace("_", " ") for word in _words]
NOUNS = Texts(
    """delivery route boat trip taxi shuttle parking ferry cruise tour hike picnic dinner lunch breakfast buffet concert
festival exhibition play show lecture seminar webinar interview appointment haircut massage checkup vaccination
prescription treatment therapy surgery invoice bill statement mortgage credit debt tax fine fee insurance policy
contract lease apartment house cottage villa office desk locker storage garage_space cabin campsite workspace
kitchen cleaning gardening lawn roof pool gym yoga_class swimming_lesson language_course training
membership subscription newsletter magazine podcast episode album playlist_copy movie_ticket series channel
broadcast stream photo_album portrait postcard gift flowers bouquet cake sandwich soup salad pasta steak dessert
wine beer groceries vegetables fruit medicine glasses shoes dress uniform jewelry furniture sofa mattress rug
lamp_set printer_ink cartridge laptop monitor router modem server_room network domain website blog article survey
poll vote election complaint ticket_refund support_case bug release deployment pipeline build branch backup_job
report_card dashboard chart spreadsheet presentation slide document translation summary transcript subtitle
dictionary quiz tournament match_result race marathon training_plan workout diet recipe_book menu shopping_list
budget_plan expense bonus_payment donation_request loan_offer transaction withdrawal transfer_order
stock_order shipment parcel_label container truck trailer crane forklift bicycle motorcycle helicopter
commute traffic detour road_toll border visa customs luggage seat_map itinerary souvenir guidebook
map_tile forecast_map rainfall tide earthquake sunrise sunset moon eclipse pollution pollen humidity_report seed
fertilizer irrigation greenhouse barn kennel vet_visit pet_food adoption grooming aquarium school_bus homework
exam_date tutoring scholarship dormitory library_card bookshelf reading_list thesis laboratory experiment sample
reactor satellite observatory drone_flight robot_arm assembly warehouse inventory pallet supplier purchase catalog
price_list promotion coupon_code voucher loyalty_card review_page crowd wedding birthday funeral
anniversary reunion party meetup conference booth stage_light microphone sound_check rehearsal choir
dance circus museum gallery painting_class castle zoo park_bench playground slide_show fountain bridge_toll
elevator escalator heating boiler thermostat curtain blinds sprinkler doorbell alarm_system smoke_detector
fire_drill ambulance police_report witness lawsuit lawyer_call notary""".split()
)

# kind of value: (names of the field, ways to give the value)
SLOTS = {
    "city": ("city place location town destination city_name area", "in {v}|near {v}|around {v}|in {v}|close to {v}|somewhere in {v}"),
    "person": ("person customer client name member employee friend contact owner person_name",
               "for {v}|with {v}|on behalf of {v}|for our friend {v}|in the name of {v}|together with {v}|for {v}, please note,"),
    "day": ("day weekday date when on_day", "on {v}|for {v}|{v}|not before {v}|on {v}|by {v}"),
    "clock": ("time hour start_time at clock_time", "at {v}|around {v}|at {v} sharp|from {v} on|at exactly {v}|at {v} o'clock"),
    "date": ("date day due_date on_date", "on {v}|for {v}|by {v}|dated {v}|on the date {v}"),
    "people": ("people persons group_size number_of_people party_size",
               "for {v} people|for {v}|for {v} persons|with {v} people|as a group of {v}|{v} people|we are {v}"),
    "nights": ("nights days duration length_in_days number_of_days", "for {v} days|{v} days|{v} days long|over {v} days|lasting {v} days"),
    "hours": ("hours duration_hours number_of_hours", "for {v} hours|{v} hours|lasting {v} hours|{v} hours long|within {v} hours"),
    "minutes": ("minutes duration length time_limit", "for {v} minutes|{v} minutes|lasting {v} minutes|in {v} minutes|{v} min"),
    "pieces": ("quantity count amount number pieces number_of_pieces",
               "{v} pieces|{v} of them|{v} times|{v} units|exactly {v} of them|in total {v} pieces|altogether {v}"),
    "money": ("max_price budget limit price_limit maximum cost", "for {v} euros|for at most {v} dollars|up to {v} euros|under {v} dollars|"
              "on a budget of {v} dollars|not above {v}|cheaper than {v} euros|spending {v} dollars"),
    "weight": ("weight mass kilograms kilos", "{v} kg|weighing {v} kg|of {v} kilograms|with {v} kilos|{v} kilos"),
    "distance": ("distance range_km range kilometers max_distance", "within {v} km|{v} km|{v} kilometers away|not further than {v} km|over {v} km"),
    "email": ("email address contact_email mail reply_to email_address", "via {v}|under {v}|mail {v}|reachable at {v}|(email {v})|for {v}"),
    "file": ("file path filename document output", "in {v}|in the file {v}|file {v}|using {v}|stored in {v}|see {v}"),
    "language": ("language lang target_language", "in {v}|speaking {v}|in the language {v}|in {v}, please,|the {v} version"),
    "currency": ("currency currency_code", "in {v}|in {v}|payable in {v}|using {v}|currency {v}"),
    "url": ("url link page website_url source_url", "from {v}|at {v}|see {v}|on {v}|using {v}|link {v}"),
    "code": ("id code number reference ref booking_id case_number", "number {v}|with id {v}|no. {v}|with the number {v}|#{v}|with code {v}"),
    "room": ("room location where place_in_house", "in the {v}|for the {v}|in the {v}|inside the {v}|near the {v}"),
    "size": ("size|small medium large", "in {v}|size {v}|a {v} one|in size {v}|{v}|preferably {v}"),
    "class": ("class|economy business luxury", "in {v} class|{v} class|the {v} one|as {v}|{v}"),
    "speed": ("priority|low normal high", "with {v} priority|priority {v}|at {v} priority|{v} priority"),
    "means": ("mode|bus car train bike", "by {v}|going by {v}|with the {v}|taking the {v}|by {v}"),
    "color": ("color|red blue green white black", "in {v}|{v}|in the color {v}|a {v} one|preferably in {v}"),
}  # fmt: skip
NUMBERS = {"people": (1, 30), "nights": (1, 40), "hours": (1, 48), "minutes": (1, 240), "pieces": (1, 400), "money": (1, 5000),
           "weight": (1, 300), "distance": (1, 900)}  # fmt: skip
AMBIGUOUS = [{"city", "room"}, {"day", "date"}, {"city", "language"}, {"language", "currency"}, {"people", "pieces"}, {"nights", "hours", "minutes"},
             {"size", "color"}, {"size", "class", "speed"}, {"money", "people"}]  # fmt: skip
PAIRS = {  # two fields of one kind, told apart by what stands before them
    "city": ("from to,origin destination,start end,source target,departure arrival,from_city to_city,start_city end_city,"
             "origin_city target_city",
             "from {a} to {b}|to {b} from {a}|starting in {a} and ending in {b}|leaving {a} for {b}|out of {a} into {b}|from {a} all the way to {b}|"
             "{a} to {b}|starting at {a}, to {b}|with {b} as the goal and {a} as the start|from {a} over to {b}|with start {a} and end {b}|"
             "to {b}, starting in {a}|from {a} and then to {b}|{a} - {b}|going to {b}, coming from {a}|from {a}, arriving in {b}"),
    "person": ("from to,giver receiver,buyer seller,author recipient,from_person to_person,from_name to_name",
               "from {a} to {b}|to {b} from {a}|from {a}, for {b}|going from {a} to {b}|to {b}, and it comes from {a}"),
    "clock": ("start end,start_time end_time,from to,begin end,opens closes", "from {a} to {b}|between {a} and {b}|starting at {a} and ending at {b}|"
              "{a} to {b}|{a} - {b}|from {a} until {b}|beginning at {a}, until {b}|ending at {b} and starting at {a}|until {b}, from {a} on"),
    "date": ("start end,start_date end_date,from to,check_in check_out,begin end", "from {a} to {b}|between {a} and {b}|starting on {a} and ending on {b}|"
             "{a} to {b}|from {a} until {b}|beginning on {a}, until {b}|ending on {b} and starting on {a}|until {b}, starting {a}"),
    "file": ("source target,from to,input output,old_path new_path", "from {a} to {b}|from {a} into {b}|reading {a} and writing {b}|"
             "{a} to {b}|with {a} as the source and {b} as the target|into {b} from {a}"),
    "language": ("from to,source_language target_language,source target", "from {a} to {b}|from {a} into {b}|{a} to {b}|into {b} from {a}"),
    "currency": ("from to,base target,source target,from_currency to_currency", "from {a} to {b}|from {a} into {b}|{a} to {b}|into {b} from {a}"),
}  # fmt: skip
TEXTS = ("text message note comment title content question description body label_text",
         'saying {v}|with the words {v}|that says {v}|with the text {v}|reading {v}|which says {v}|{v}|about {v}')  # fmt: skip
WORDLIKE = set("from to at when where start end begin base".split())  # names that a sentence can hide
_COMMENTS = ("The {p}", "{P}", "{P} of the {n}", "Which {p}", "The {p} for the {n}", "{P} as the user says it", "{P} (required)")
_ENTRANCES = """I need {d}{n}|{D}{n}|I'd like {d}{n}|what about {d}{n}|about {d}{n}:|I want {d}{n}|{N}|we need {d}{n}|now {d}{n}
regarding {d}{n}:|this is about {d}{n}|{D}{n}, please,|it's about {d}{n}|we want {d}{n}|can I have {d}{n}|{N}:|my boss needs {d}{n}
I am calling about {d}{n}|a question about {d}{n}:|please take care of {d}{n}|is there {d}{n}|next comes {d}{n}|help with {d}{n}
what I need is {d}{n}|all I want is {d}{n}|could I get {d}{n}|I could use {d}{n}|any news on {d}{n}|see to {d}{n}""".replace(
    "\n", "|"
).split("|")
_BETWEEN = (" ", " ", " ", " ", " ", ", ", ", ", " and ", " — ")


def _value(source, kind):
    return source.random.randint(*NUMBERS[kind]) if kind in NUMBERS else value_of_kind(source, kind)


def _field(source, name, kind, noun, described, required=True):
    spoken = name.replace("_", " ")
    comment = source.choice(_COMMENTS).format(p=spoken, P=spoken.capitalize(), n=noun.replace("_", " "))
    known = SLOTS.get(kind, ("",))[0]
    enum = known.split("|")[1].split() if "|" in known else None
    json_type = "integer" if kind in NUMBERS else "string"
    return Field(name, json_type, comment if described else None, enum, required=required)


def everyday_function(source):
    """A function such as plan_route or rent_boat, with one to four fields of kinds that can be told apart."""
    noun = source.pick(NOUNS)
    verb = source.choice(list(VERBS))
    name = f"{noun}_{verb}" if source.chance(0.1) else f"{verb}_{noun}"
    if source.chance(0.25):
        name = f"{source.word()}_{noun}" if source.chance(0.5) else f"{name}_{source.word()}"
    described, parts = source.chance(0.4), []
    if source.chance(0.45):
        kind = source.weighted({"city": 9, "person": 3, "clock": 3, "date": 3, "file": 2, "language": 1, "currency": 1})
        pairs, ways = PAIRS[kind]
        parts.append((source.choice(pairs.split(",")).split(), kind, ways.split("|")))
    for _ in range(source.choice((0, 1, 1, 2)) if parts else source.choice((1, 1, 2, 2, 3))):
        kind = source.choice(list(SLOTS))
        taken = {other for _, other, _ in parts}
        if kind in taken or any(kind in group and taken & group for group in AMBIGUOUS):
            continue
        names, ways = SLOTS[kind]
        parts.append(([source.choice(names.split("|")[0].split())], kind, ways.split("|")))
    if source.chance(0.12):
        names, ways = TEXTS
        parts.append(([source.choice(names.split())], "text", ways.split("|")))
    unique, names = [], set()
    for part in parts:
        if not names & set(part[0]):
            unique.append(part)
            names |= set(part[0])
    optional = {part[0][0] for part in unique[1:] if len(part[0]) == 1 and source.chance(0.2)}
    fields = [_field(source, n, kind, noun, described, n not in optional) for part, kind, _ in unique for n in part]
    source.random.shuffle(fields)
    spoken = noun.replace("_", " ")
    description = source.choice(("{v} a {n}", "{v} the {n}", "{v} {n}", "{v} {n} by the given data", "{v} one {n}."))
    description = description.format(v=VERBS[verb][0].capitalize(), n=spoken) if source.chance(0.7) else None
    function = Function(name, description, fields, verb=verb, noun=spoken)

    def ask(source):
        return _request(source, function, unique, optional)

    function.ask = ask
    return function


def _spoken_part(source, part, values):
    """How a request gives the values of one field or of a pair, without naming the field."""
    names, kind, ways = part
    way = values_marked(source.choice(ways))
    if len(names) == 2:
        a, b = (quoted(source, values[name], 0.1) for name in names)
        return way.format(a=a, b=b)
    value = values[names[0]]
    if kind == "text":
        return way.format(v=f'"{value}"' if source.chance(0.8) else f"'{value}'")
    return way.format(v=value)


def _given_values(source, function, parts, optional):
    enums = {field.name: field.enum for field in function.fields if field.enum}
    values = {}
    for names, kind, _ in parts:
        for name in names:
            if name in optional and source.chance(0.5):
                continue
            make = "sentence" if kind == "text" else kind
            value = source.choice(enums[name]) if name in enums else _value(source, make)
            while value in values.values():
                value = source.choice(enums[name]) if name in enums else _value(source, make)
            values[name] = value
    return values


def _head(source, verb, noun):
    """The function in words: its verb and noun, or its noun alone."""
    determiner = source.choice(("a ", "the ", "", "my ", "our ", "the next ", "another ", "some "))
    if source.chance(0.25):
        entrance = source.choice(_ENTRANCES)
        return entrance.format(d=determiner, D=capital(determiner), n=noun, N=capital(noun))
    words = source.choice(VERBS[verb])
    if source.chance(0.06):
        opening = source.choice(("I need help with", "we talked about", "how about", "I suggest"))
        return f"{opening} {ing(words)} {determiner}{noun}"
    return new(lambda s: lead_in(s, "{v} {a}{n}"), source).format(v=words, a=determiner, n=noun)


def _request(source, function, parts, optional):
    """(what the user writes, arguments)"""
    values = _given_values(source, function, parts, optional)
    said = [part for part in parts if part[0][0] in values]
    arguments = {field.name: values[field.name] for field in function.fields if field.name in values}
    if not WORDLIKE & set(arguments) and source.chance(0.2):  # with the names of the fields
        kinds = {field.name: field.type for field in function.fields}
        phrases = [field_phrase(source, n, v, kinds[n], function.noun) for n, v in arguments.items()]
        source.random.shuffle(phrases)
        return request(source, function.name, source.choice(VERBS[function.verb]), function.noun, phrases), arguments
    pieces = [_spoken_part(source, part, values) for part in said]
    source.random.shuffle(pieces)
    head = _head(source, function.verb, function.noun)
    text = pieces[0] if pieces else ""
    for piece in pieces[1:]:
        text += source.choice(_BETWEEN) + piece
    if not pieces:
        text = head
    elif source.chance(0.15):
        text = f"{text}{source.choice((', ', ': ', ' - ', ', '))}{head}"
    else:
        between = " " if head.endswith((":", ",")) else source.choice((" ", " ", " ", " ", ", ", ": ", " — "))
        text = f"{head}{between}{text}"
    if source.chance(0.3):
        text += source.choice(ENDINGS)
    return finished(capital(text) if source.chance(0.6) else text), arguments


# ---------------------------------------------------------------- the fixed catalogue in other words

_OPENINGS = """Please: |Okay, |Ok: |Hello! |Hi, |One more thing: |By the way: |Now: |Next question: |Another one: |So, |Well, |Question: |
Quick one: |Sorry to bother you. |I have a request: |My request: |Listen: |Hey: |Right. |Alright: |Good. |Again: |To do: |Also: |And: |
First: |Then: |Just this: |Urgent: |For my boss: |Can you do this: |Do this: |Could you do something for me? |Thanks. Now: |
I need this: |Here is what I want: |This is what I need: |A small favour: |Task: |Order: |Wish: |Request: |Hm, |Oh, |Eh, """.replace(
    "\n", ""
).split("|")
_FREE = {"sentence", "thing", "topic", "task", "title"}  # kinds of values that may swallow what follows


def rephrase(source, text, value_first, last_kind):
    """A request of the catalogue with other words around it.

    value_first: whether it begins with a value; last_kind: of the value that it ends with, if any.
    """
    if source.chance(0.6):
        opening = source.choice(_OPENINGS)
        if source.chance(0.25):
            opening = f"{capital(source.choice(LEAD_INS).split(',')[0])}... " if source.chance(0.2) else opening.lower()
        keep = value_first or text.startswith(("I ", "I'")) or source.chance(0.3)
        text = opening + (text if keep else text[0].lower() + text[1:])
    if source.chance(0.4) and last_kind not in _FREE and text[-1] not in "?.":
        text += source.choice(ENDINGS)
    elif source.chance(0.15) and last_kind not in _FREE:
        text += source.choice((" Thanks!", " Thank you.", " Please.", " :)"))
    return text
