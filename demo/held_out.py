"""Material that only evaluation draws: none of these words, phrasings and functions occurs in training.

check_held_out.py compares all of it with the sources of the training texts.
"""

# ---------------------------------------------------------------- words

NAMES = """Oliver Charlotte Benjamin Isabella Lucas Amelia Mateo Harper Ethan Evelyn Sebastian Camila Nathan
Beatrice Rashid Mei Hiroshi Aisha Dmitri Svetlana Kofi Zainab Thabo Ingrid Magnus Astrid Declan Siobhan Rafael
Lucia Arjun Kavya Stefan Margot Gabriel Naomi Felipe Jorge Heidi Bruno""".split()
CITIES = """Lusaka Accra Tunis Rabat Harare Kigali Dakar Luanda Minsk Belgrade Zagreb Sarajevo Skopje Tirana
Valencia Bilbao Granada Florence Turin Venice Verona Bologna Cologne Stuttgart Leipzig Dresden Salzburg Graz Basel
Antwerp Ghent Rotterdam Utrecht Gothenburg Reykjavik Glasgow Edinburgh Liverpool Osaka Kyoto Nagoya Bangkok
Santiago Houston Atlanta Memphis""".split()
LONG_CITIES = ["Panama City", "Santa Fe", "Port Louis", "Ho Chi Minh City", "Las Vegas", "Addis Ababa"]
NOUNS = """ladder hammer mirror carpet basket violin candle jacket helmet statue lantern kayak sculpture windmill
telescope microscope trumpet blender toaster hammock cushion drawer cabinet rocket canoe saddle compass magnet
pretzel muffin cucumber mushroom tractor scooter anchor vase chimney ribbon puzzle tent suitcase bracelet harbor
meadow tunnel passport receipt warranty""".split()
WORDS = """crimson tiny gentle rapid wooden golden frozen spicy sweet hollow narrow velvet linen granite bamboo
copper rustic vintage polished striped foggy rainy mellow sturdy slim ancient remote autumn midnight harvest chess
opera cinema""".split()
ROOMS = """darkroom,pantry,laundry room,basement,nursery,conservatory,workshop,studio,lobby,corridor,guest room,
sauna,storeroom,playroom,veranda,sunroom""".replace("\n", "").split(",")
COLORS = "turquoise violet beige maroon teal ivory lavender magenta".split()
JOBS = "architect butcher florist librarian electrician journalist sailor surgeon waiter barber".split()
PETS = "ferret gecko goldfish canary goat hedgehog tortoise".split()
LANGUAGES = "Hungarian Czech Icelandic Vietnamese Thai Swahili Hebrew Romanian Ukrainian Bengali".split()
VERBS = "repair deliver publish approve rotate wash upgrade merge wrap paint invite upload arrange donate".split()
TEXT_FIELDS = """nickname surname province district vendor flavor texture pattern slogan caption remark reviewer
sender manufacturer occupation hobby diagnosis ingredient venue terminal carrier dialect instrument nationality
username pickup_point""".split()
NUMBER_FIELDS = """latitude longitude altitude voltage mileage calories stars passengers bedrooms deposit frequency
radius thickness depth wattage pressure quota ratio retries copies max_attendees""".split()
FLAG_FIELDS = "visible hidden sticky muted refundable vegan encrypted featured anonymous editable".split()
ERRORS = ["access refused", "quota exceeded", "the {n} is busy", "cannot parse {p}", "internal failure", "no {n} left"]

# ---------------------------------------------------------------- phrasings

ADD = """What would {a} plus {b} come to?|Put {a} and {b} together, please|{a} added to {b} gives what?
Please tell me the sum {a} + {b}|Quick: {a} plus {b}?|Determine {a} + {b}|I'd like to know {a} + {b}
What number do I reach if I go up {b} from {a}?|My sister is {a} cm tall on a box of {b} cm. How high does she reach?
{N} read {a} pages yesterday and {b} today. How many pages is that?|what do {a} and {b} make
A farmer picked {a} {n} and later {b} more. How many were picked?|Let's see, {a} + {b} is?|Answer this: {a} + {b}
{a} guests came by bus and {b} on foot. How many came?|Raise {a} by {b}|count {b} on from {a}|Sum: {a} + {b}
{N} scored {a} points, then another {b}. What is the new score?|result of {a} + {b}?|{a} + {b} please
I drove {a} km before lunch and {b} km after. How far in total?|The sum of {a} and {b} is what?
We have {a} {n} here and {b} {n} there. How many is that altogether?|and now {a} + {b}""".replace("\n", "|").split("|")
SUBTRACT = """What remains if {b} is taken from {a}?|What would {a} minus {b} come to?|Determine {a} - {b}
Please tell me the difference {a} - {b}|Quick: {a} minus {b}?|I'd like to know {a} - {b}|Lower {a} by {b}
From {a}, take off {b}.|{b} subtracted from {a} gives what?|Let's see, {a} - {b} is?|Answer this: {a} - {b}
{N} had {a} stamps and lost {b} of them. How many does {N} still have?|result of {a} - {b}?|{a} - {b} please
A bus carried {a} people and {b} got off. How many are still on it?|Remove {b} from {a}|count {b} back from {a}
The trip is {a} km long and we drove {b} km. How far is it still?|deduct {b} from {a}|Difference: {a} - {b}
There were {a} {n} on the shelf, {b} fell down. How many stayed?|What do I have left of {a} after losing {b}?
My account shows {a} and I pay {b}. What is left on it?|{a} reduced by {b} is what?|and now {a} - {b}""".replace(
    "\n", "|"
).split("|")
REQUEST_HEADS = ["Would you {v} {a}{n}", "Would you please {v} {a}{n}", "Kindly {v} {a}{n}", "Help me {v} {a}{n}",
                 "I would like to {v} {a}{n}", "Let's {v} {a}{n}", "Time to {v} {a}{n}", "Hey, {v} {a}{n}",
                 "We have to {v} {a}{n}", "Is it possible to {v} {a}{n}", "Next, {v} {a}{n}", "Quickly {v} {a}{n}",
                 "It would be great if you could {v} {a}{n}", "Try to {v} {a}{n}"]  # fmt: skip
ARGUMENT_PHRASES = ["{p} equal to {v}", "take {v} as {p}", "let the {p} be {v}", "having {p} {v}", "so that {p} equals {v}",
                    "{p} must be {v}", "with a {p} of {v}", "where {p} is {v}", "I want {v} as the {p}",
                    "{p} being {v}", "the {p} must be {v}", "its {p} shall be {v}", "put {v} for {p}"]  # fmt: skip
PROPERTY_PHRASES = ["its {k} equals {v}", "the {k} equals {v}", "it has a {k} of {v}", "{k} was {v}", "its {k}: {v}",
                    "there is a {k} of {v}", "the {k} was given as {v}", "{v} as its {k}", "for {k} we have {v}",
                    "the {k} must be {v}", "{k} shall be {v}", "the {k} comes to {v}"]  # fmt: skip
PERSON = {  # more ways to tell a property of a person, as in records.py
    "age": "has reached the age of {v}/celebrated a birthday and is now {v}",
    "city": "has a home in {v}/grew up in {v}/settled in {v}",
    "job": "is employed as a {v}/trained as a {v}/makes a living as a {v}",
    "company": "has a position at {v}/joined {v}/is on the staff of {v}",
    "quantity": "asked for {v} of them/takes {v} pieces",
    "product": "would like a {v}/picked a {v}",
    "price": "gave {v} dollars for it/had to pay {v}",
    "color": "is fond of {v}/wears {v}",
    "email": "answers mail sent to {v}/writes from {v}",
    "pet": "lives with a {v}/takes care of a {v}",
    "day": "will be there on {v}/has time on {v}",
    "height": "has a height of {v} cm/stands {v} cm tall",
    "children": "is a parent of {v} children/raises {v} children",
    "friend": "often meets {v}/gets along with {v}",
    "date": "has a birthday on {v}/moved in on {v}",
}

QUESTIONS = {
    "greeting": """Hello again|Hi everyone|Good day!|hey you|Hello to you|Hi, good to see you|Hey, how are things?
Hello, anybody home?|Good morning to you!|good evening to you|Hi there, how do you do?|How do you do?|Hey, good morning
Hello, is this thing on?|hi, it's {N}|Hello, {N} speaking|A very good morning!|Hi, I'm {N}|hey, I am {N}|hello hello
Warm greetings from {c}|Hello from {c}!|Hi from {c}|Nice to meet you|Pleased to meet you|How is your day going?
Hey, nice to see you|good afternoon to you|Hello, good evening|how are things?|testing, testing""",
    "thanks": """Thank you kindly|thanks, that's great|Thanks, you helped me|I am grateful|Thanks so much!
much appreciated|Thanks a million|Thank you, that was useful|super, thanks|That helped, thanks|I appreciate it
ok, thank you very much|Very kind, thank you|thanks again|Thank you again!|wonderful, thank you|Lovely, thanks
thank you, nicely done""",
    "goodbye": """Goodbye for now|Bye for now|See you soon|Take care!|talk to you later|Have a nice day, bye
I am leaving now, goodbye|Bye, see you|That was all, goodbye|until tomorrow|Good night, bye|so long|catch you later
I'm done, bye|Time to go, bye|see you next week|Goodbye, my friend|bye, {N} is leaving""",
    "about": """Please introduce yourself|What sort of model are you?|Are you a language model?|what exactly are you?
Can you tell me what you are?|What is it that you can do?|What can you do for me?|Which tasks do you handle?
Tell me what you can do|who built you?|Where do you come from?|Are you a big model?|Are you a small model?
Am I talking to a human?|Am I talking to gpt-oss-20b?|Is this ChatGPT?|What is the name of this model?
Say something about yourself|What are you for?|What are you made for?|what is your purpose?|how large is this model?
Are you a chatbot?|Are you a robot?|Give me an overview of what you can do|What else can you do?|I don't know what you are
What things do you understand?|do you know who you are?|How smart are you?|What are your limits?|what can't you do?
Show me what you can do|What is this demo?|Are you open source?|Explain what you are|tell me your name
Who is behind you?|What are your abilities?|which questions can you answer?""",
    "pull": """How would I get gpt-oss-20b?|How can I have the big model?|I'd like to use gpt-oss-20b
Tell me how to download gpt-oss-20b|what's the way to get the full model?|Can I use a bigger model?
Where can I find the large model?|How do I upgrade to gpt-oss-20b?|I need a smarter model|can you download gpt-oss-20b?
please pull gpt-oss-20b|Show me the command for gpt-oss-20b|What must I type to get gpt-oss-20b?|get gpt-oss-20b
How do I replace you with gpt-oss-20b?|Is there a better model I can download?|how can I run gpt-oss-20b?
give me gpt-oss-20b|I would rather use the big model|how to get the full gpt-oss|Fetch the large model for me
What do I do to get the 20b model?|Let me use the real model|how do I change to the big model""",
    "beyond": """What should I see in {c}?|Which river runs through {c}?|How do I get a job in {c}?|Is {c} a nice place?
Who founded {c}?|What do people eat in {c}?|Which is older, {c} or {c2}?|How long is the drive from {c} to {c2}?
Why is {c} famous?|When did {N} live?|Did {N} ever visit {c}?|What did {N} discover?|What is {N} known for?
Write a limerick about a {n}|Write a speech for {N}|Write a birthday card for {N}|Compose a tune about {c}
Make up a riddle about a {n}|Tell me a bedtime story|Tell me something funny|Do you know a good joke about {n}s?
How is a {n} made?|How heavy is a {n}?|How long does a {n} last?|Where can I get a cheap {n}?|How do I clean a {n}?
What is the difference between a {n} and a {n2}?|Why would anyone need a {n}?|Which {n} is the best?|Who sells {w} {n}s?
Is a {n} dangerous?|Could a {n} float?|Can I eat a {n}?|What does a {w} {n} look like?|Are {n}s expensive in {c}?
What could {w} mean?|Use {w} in a sentence|Give me a synonym for {w}|What rhymes with {w}?|What would {w} be in {l}?
Is {l} hard to learn?|How many people speak {l}?|Teach me some {l}|Write this in {l}: {r}|Correct my grammar: {r}
Is a {p} an animal?|What do you know about {P}?|Have you heard of {P}?|Is {P} a country?|Where does {P} come from?
Which language do they speak in {P}?|What currency does {P} use?|how do I pronounce {p}?
What's {d} times {e}?|Multiply {d} and {e}|the product of {d} and {e}|{d} multiplied by {e}|What is {y} divided by {d}?
what's {d}% of {e}|a third of {y}|What is the cube of {d}?|{d}+{e}-{f}|{d} + {e} - {f}|Add {d}, {e} and {f}
the average of {d} and {e}|Which is larger, {d} or {e}?|Is {d} an even number?|Round {d}.7|What comes after {d}?
what do I get for {y} plus {y2}?|how much would {y2}+{y} be?|{y2} take away {y}|What is {d}.25 plus {e}.5?|factor {y}|{d} inches in cm|Roman numeral for {d}
What happened to the {n} market in {y}?|Who was king in {y}?|Who ruled {c} in {y}?|What was invented in {y}?
Write a bash script that renames {n}s|Write a SQL query for {n}s|How do I sort a list in Rust?|Explain recursion
What is a monad?|Why does my code crash?|What is machine learning?|How do vaccines work?|What is gravity?
Why do cats purr?|How far away is the moon?|Who painted the Mona Lisa?|What is love?|Do aliens exist?
Should I marry {N}?|What should I wear today?|What shall I cook tonight?|I can't sleep|I have a headache
How do I lose weight?|Help me write my homework about {c}|Is my {n} worth anything?|Review my essay: {r}
Finish this sentence: {r}|What does this mean: {r}|Paraphrase: {r}|say {p} three times|{k} or {w}?""",
}
QUESTIONS = {kind: text.replace("\n", "|").split("|") for kind, text in QUESTIONS.items()}

# ---------------------------------------------------------------- functions, in the form of catalogue.py

CATALOGUE = """
water_plants: Water the plants of a zone
. zone room The zone
. liters integer Amount of water
Water the plants in the {zone} with {liters} liters/give the plants in the {zone} {liters} liters of water
the {zone} plants need {liters} liters of water/pour {liters} liters on the plants in the {zone}

rent_vehicle: Rent a vehicle
. vehicle van|truck|motorbike|limousine The type of vehicle
. depot city Where to pick it up
. weeks integer For how long
Rent a {vehicle} in {depot} for {weeks} weeks/I need a {vehicle} for {weeks} weeks, from {depot}
hire a {vehicle} for {weeks} weeks in {depot}/get me a {vehicle} in {depot}, {weeks} weeks

ship_package: Ship a package
. consignee person Who receives the package
. grams decimal Its mass
Ship a package of {grams} grams to {consignee}/mail {consignee} a package that weighs {grams} grams
a {grams} grams package has to go to {consignee}/please ship {grams} grams to {consignee}

record_pulse: Log a pulse reading
. patient person The patient
. pulse integer Beats in one minute
{patient} has a pulse of {pulse}/log a pulse of {pulse} for {patient}/Record pulse {pulse} for {patient}
note that the pulse of {patient} is {pulse}

hire_applicant: Hire an applicant
. applicant person The applicant
. salary_band symbol The band
. first_workday date The first day
Hire {applicant} in band {salary_band}, beginning {first_workday}/we hire {applicant} from {first_workday} on, band {salary_band}
Give {applicant} a contract in band {salary_band} from {first_workday}/take on {applicant} in band {salary_band} on {first_workday}

mute_chatroom: Mute a chatroom
. chatroom thing The chatroom
. silenced_until clock? When it becomes audible again
Mute {chatroom}/mute the chatroom {chatroom}/mute {chatroom} until {silenced_until}/no more noise from {chatroom} until {silenced_until}
please silence {chatroom}

plant_tree: Plant trees
. sapling title The species
. holes integer Number of trees
Plant {holes} {sapling} trees/put {holes} {sapling} trees into the ground
I'd like {holes} trees planted, all {sapling}/we want {holes} {sapling} trees planted

judge_contest: Store the verdict of a contest
. winner person Who won
. runner_up person Who came second
{winner} won and {runner_up} came second/first place goes to {winner}, second place to {runner_up}
the winner is {winner}, the runner-up is {runner_up}/{runner_up} came second after {winner}

tune_radio_station: Tune to a station
. megahertz decimal The frequency
Tune to {megahertz}/go to {megahertz} MHz/I want to hear the station at {megahertz} MHz/station {megahertz} please

sign_petition: Sign a petition
. petition topic What it is about
. signer person Who signs
{signer} signs the petition about {petition}/Sign the petition on {petition} for {signer}
put {signer} on the petition about {petition}/add the signature of {signer} to the petition about {petition}

swap_seats: Let two passengers change places
. first_passenger person One passenger
. second_passenger person The other passenger
Swap the seats of {first_passenger} and {second_passenger}/{first_passenger} and {second_passenger} want to change seats
let {first_passenger} trade places with {second_passenger}/{first_passenger} swaps seats with {second_passenger}

check_allergens: Find the allergens of a meal
. meal thing The meal
. diner person? Who eats it
Which allergens are in {meal}?/is {meal} safe for {diner}?/list the allergens of {meal}/can {diner} eat {meal}?
"""
